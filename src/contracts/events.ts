import { z } from 'zod';

export const EVENT_TYPES = [
  'task.accepted',
  'task.announced',
  'bids.received',
  'task.awarded',
  'subtask.started',
  'subtask.progress',
  'subtask.accepted',
  'subtask.failed',
  'subtask.reassigned',
  'subtask.skipped',
  'task.synthesizing',
  'validation.warning',
  'message.sent',
  'task.escalated',
  'reputation.changed',
  'task.completed',
  'task.failed',
  'task.cancelled',
  'task.expired',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The largest `seq` that a caller may name: what PostgreSQL's `int` holds. No task comes near it. */
export const MAX_SEQ = 2_147_483_647;

/** One step of a task. `seq` counts from 1 for each task, without gaps, also after its final state. */
export const taskEventSchema = z.object({
  seq: z.number().int(),
  taskId: z.string(),
  type: z.enum(EVENT_TYPES),
  at: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type TaskEvent = z.infer<typeof taskEventSchema>;

export const watchRequestSchema = z.strictObject({
  taskId: z.string().max(64),
  afterSeq: z.number().int().min(0).max(MAX_SEQ).optional(),
});
export type WatchAck = { ok: true; status: string; lastSeq: number } | { ok: false; code: string };
