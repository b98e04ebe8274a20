import { z } from 'zod';
import { TIERS } from './agent.ts';
import { QUALITY_SOURCES } from './task.ts';

export const OUTCOMES = ['accepted', 'failed', 'rejected', 'timed_out', 'market_failure'] as const;
/** How an attempt ended. `market_failure` is nobody's fault but the market's: delta 0, with a reason. */
export type Outcome = (typeof OUTCOMES)[number];

/** A change of reputation to be appended; unfolded until the fold gives it `foldSeq`, `before` and `after`. */
export interface LedgerEntryDraft {
  /** `attempt:<subtaskId>:<epoch>`: makes an entry exist once. */
  effectKey: string;
  agentId: string;
  taskId: string;
  ownerId: string;
  subtaskId: string;
  /** The skill answered for; null for a task that requires none. */
  skill: string | null;
  outcome: Outcome;
  quality: number | null;
  qualitySource: (typeof QUALITY_SOURCES)[number] | null;
  delta: number;
  /** Why, as a failure code; null for a plain success. */
  reason: string | null;
  durationMs: number | null;
  /** True if the task had more than one member. */
  team: boolean;
}

const ledgerEntryViewSchema = z.object({
  foldSeq: z.number().nullable(),
  at: z.string(),
  taskId: z.string().nullable().describe('null where the task belongs to somebody else'),
  subtaskId: z.string().nullable(),
  outcome: z.enum(OUTCOMES),
  quality: z.number().nullable(),
  qualitySource: z.enum(QUALITY_SOURCES).nullable(),
  delta: z.number(),
  before: z.number().nullable(),
  after: z.number().nullable(),
  reason: z.string().nullable(),
});

export const agentReputationSchema = z.object({
  agentId: z.string(),
  reputation: z.number(),
  tier: z.enum(TIERS),
  entries: z.array(ledgerEntryViewSchema),
  bySkill: z.record(
    z.string(),
    z.object({
      accepted: z.number(),
      failed: z.number(),
      successRate: z.number().nullable(),
      avgQuality: z.number().nullable(),
      avgDurationMs: z.number().nullable(),
    }),
  ),
});
export type AgentReputation = z.infer<typeof agentReputationSchema>;

export const leaderboardRowSchema = z.object({
  rank: z.number(),
  agentId: z.string(),
  name: z.string(),
  reputation: z.number(),
  tier: z.enum(TIERS),
  successes: z.number(),
  failures: z.number(),
  successRate: z.number().nullable(),
  successRateInterval: z.object({ low: z.number(), high: z.number() }).nullable().describe('95 % Wilson'),
  trend: z.number().describe('change of reputation over the last 7 days'),
  avgResponseMs: z.number().nullable(),
  teamSuccessRate: z.number().nullable(),
});
export type LeaderboardRow = z.infer<typeof leaderboardRowSchema>;

export const tiersReportSchema = z.object({
  tiers: z.record(z.enum(TIERS), z.number()),
  agents: z.number(),
  mean: z.number().nullable(),
  standardDeviation: z.number().nullable(),
  concentration: z.object({
    awards: z.number(),
    top10PercentShare: z.number().nullable().describe('share of awards of the top 10 % of agents'),
    hhi: z.number().nullable().describe('Herfindahl–Hirschman index, 0–1'),
  }),
});
export type TiersReport = z.infer<typeof tiersReportSchema>;

const moverSchema = z.object({
  agentId: z.string(),
  name: z.string(),
  before: z.number(),
  after: z.number(),
  change: z.number(),
  tier: z.enum(TIERS),
});
export const moversReportSchema = z.object({
  windowMs: z.number(),
  from: z.string(),
  rises: z.array(moverSchema),
  falls: z.array(moverSchema),
});
export type MoversReport = z.infer<typeof moversReportSchema>;

export const marketStatsSchema = z.object({
  windowMs: z.number(),
  at: z.string(),
  tasksPerSecond: z.number(),
  avgTaskDurationMs: z.number().nullable(),
  successRate: z.number().nullable(),
  avgQuality: z.number().nullable(),
  avgAgentLoadPercent: z.number(),
  peakAgentLoadPercent: z.number(),
  avgTeamSize: z.number().nullable(),
  parallelExecutionRate: z.number().nullable().describe('share of ended tasks that ran more than one subtask'),
  avgReputation: z.number().nullable(),
  reputationStdDev: z.number().nullable(),
  tasksByStatus: z.record(z.string(), z.number()),
  queueDepth: z.number().describe('openings that wait for an award'),
});
export type MarketStats = z.infer<typeof marketStatsSchema>;

const seriesPointSchema = z.object({
  at: z.string().describe('when the bucket begins'),
  completed: z.number(),
  failed: z.number().describe('failed and expired'),
  cancelled: z.number(),
  avgTaskDurationMs: z.number().nullable().describe('of the completed'),
});
export const marketSeriesSchema = z.object({
  windowMs: z.number(),
  bucketMs: z.number(),
  points: z.array(seriesPointSchema).describe('one for each bucket, oldest first; the last one is not over yet'),
});
export type MarketSeries = z.infer<typeof marketSeriesSchema>;
