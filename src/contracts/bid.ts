import { z } from 'zod';
import { COMPLEXITIES, PRIORITIES } from './task.ts';
import { slugSchema } from './primitives.ts';

export const PASS_REASONS = ['NO_SKILL', 'UNHEALTHY', 'OVERLOADED', 'OUT_OF_DOMAIN', 'DECLINED'] as const;
/** Why an agent does not bid; DECLINED is an agent's own `assess` saying no. */
export type PassReason = (typeof PASS_REASONS)[number];

/** Of a description, this much is announced. */
export const ANNOUNCED_DESCRIPTION_CHARS = 500;

/** What is announced: one opening for bids. It carries no task data: an agent that wins gets that with its job. */
export const announcementSchema = z.object({
  taskId: z.string(),
  /** Set when one subtask is auctioned anew; absent for the whole task. */
  subtaskId: z.string().optional(),
  round: z.number().int().min(1),
  type: z.string(),
  /** At most 500 characters of the step's description, or else the task's. */
  description: z.string().optional(),
  requiredSkills: z.array(z.string()),
  domain: z.string().optional(),
  complexity: z.enum(COMPLEXITIES),
  priority: z.enum(PRIORITIES),
  deadline: z.string().optional(),
  timeoutMs: z.number(),
  /** Of the round, where traces are collected. */
  traceparent: z.string().max(64).optional(),
});
export type Announcement = z.infer<typeof announcementSchema>;

/** An agent's offer. `loadPercent` is its own view, 0 or more. */
export const bidOfferSchema = z.object({
  agentId: slugSchema,
  loadPercent: z.number().min(0),
  confidence: z.number().min(0).max(1).optional(),
  estimatedMs: z.number().min(0).optional(),
  estimatedCostUsd: z.number().min(0).optional(),
});
export type BidOffer = z.infer<typeof bidOfferSchema>;

export const passSchema = z.object({ agentId: slugSchema, reason: z.enum(PASS_REASONS) });
export type Pass = z.infer<typeof passSchema>;

/** One pool process's answer to one announced opening. */
export const poolReplySchema = z.object({
  taskId: z.string(),
  subtaskId: z.string().optional(),
  round: z.number().int(),
  bids: z.array(bidOfferSchema),
  /** At most 100, those with another reason than NO_SKILL first. */
  passes: z.array(passSchema),
  /** Of all passes, also those not listed. */
  passCounts: z.partialRecord(z.enum(PASS_REASONS), z.number().int().min(0)),
});
export type PoolReply = z.infer<typeof poolReplySchema>;
