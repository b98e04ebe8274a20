import { z } from 'zod';
import { passSchema, PASS_REASONS } from './bid.ts';

const scorePartsSchema = z.object({ reputation: z.number(), skillMatch: z.number(), load: z.number() });
export type ScoreParts = z.infer<typeof scorePartsSchema>;

/** The three weights of the score; each 0 or more. */
export interface AwardWeights {
  reputation: number;
  skillMatch: number;
  load: number;
}

export const REFUSALS = [
  'NOT_ACTIVE',
  'NO_SKILL',
  'OUT_OF_DOMAIN',
  'OVERLOADED',
  'ALREADY_TRIED',
  'UNKNOWN_AGENT',
] as const;
/** Why the market did not let a bid stand, where it knows better than the bidder. */
export type Refusal = (typeof REFUSALS)[number];

export const scoredBidSchema = z.object({
  agentId: z.string(),
  pool: z.string(),
  skills: z.array(z.string()),
  reputation: z.number().describe('0–150, as folded when the round closed'),
  skillMatch: z.number().describe('0–100: Jaccard of the agent’s and the required skills; 50 when none are required'),
  loadPercent: z.number().describe('reserved slots of capacity × live replicas, by the market’s own count'),
  confidence: z.number().optional(),
  estimatedMs: z.number().optional(),
  estimatedCostUsd: z.number().optional(),
  parts: scorePartsSchema.describe('the score’s summands, weights applied'),
  score: z.number(),
  rank: z.number().int().describe('from 1; refused bids rank after all others'),
  refused: z.enum(REFUSALS).optional(),
});
export type ScoredBid = z.infer<typeof scoredBidSchema>;

export const teamStepSchema = z.object({
  agentId: z.string(),
  action: z.enum(['take', 'skip', 'drop']),
  skills: z.array(z.string()).describe('take: the skills it newly covers; drop: those that others cover'),
});
export type TeamStep = z.infer<typeof teamStepSchema>;

export const awardSchema = z.object({
  subtaskId: z.string(),
  agentId: z.string(),
  epoch: z.number().int(),
  attempt: z.number().int(),
});
export type Award = z.infer<typeof awardSchema>;

export const receiptRoundSchema = z.object({
  round: z.number().int(),
  subtaskId: z.string().optional(),
  stepId: z.string().optional().describe('the step that was auctioned'),
  at: z.string(),
  policy: z.string(),
  weights: scorePartsSchema,
  tieRule: z.string(),
  requiredSkills: z.array(z.string()),
  complexity: z.string(),
  note: z.string().optional().describe('what was done otherwise than asked, as a simple task that nobody covers alone'),
  outcome: z.enum(['awarded', 'waiting', 'announced_again', 'failed', 'reassigned']),
  bids: z.array(scoredBidSchema),
  passes: z.array(passSchema).describe('at most 100 a pool, those with another reason than NO_SKILL first'),
  passCounts: z.partialRecord(z.enum(PASS_REASONS), z.number()),
  silentPools: z.array(z.string()),
  teamSteps: z.array(teamStepSchema),
  awards: z.array(awardSchema),
  uncoveredSkills: z.array(z.string()),
});
export type ReceiptRound = z.infer<typeof receiptRoundSchema>;

/** Everything that each choice of a task was made from. */
export const awardReceiptSchema = z.object({ taskId: z.string(), rounds: z.array(receiptRoundSchema) });
export type AwardReceipt = z.infer<typeof awardReceiptSchema>;
