import { z } from 'zod';
import { announcementSchema, poolReplySchema } from './bid.ts';
import { slugSchema } from './primitives.ts';

/** Several openings in one message: what an announcement costs grows with pools, not with agents or tasks. */
export const announceMessageSchema = z.object({ announcements: z.array(announcementSchema) });

/** One pool process's answers to an announce message; a long one comes in parts. */
export const bidsMessageSchema = z.object({
  pool: slugSchema,
  replicaId: z.string(),
  answers: z.array(poolReplySchema),
  /** No further part follows. */
  last: z.boolean(),
});
export type BidsMessage = z.infer<typeof bidsMessageSchema>;

/** `auction`: an opening was made; `capacity`: a slot was freed, so what waits for one is due; `conditions`: steps wait for theirs. */
export const WORK_KINDS = ['auction', 'capacity', 'intake', 'conditions', 'fold', 'relay'] as const;
export type WorkKind = (typeof WORK_KINDS)[number];
/** To orchestrators: the store holds work of these kinds. */
export const workMessageSchema = z.object({ kinds: z.array(z.enum(WORK_KINDS)) });

/** To feeds: the last `seq` of each of these tasks. */
export const eventsMessageSchema = z.object({ lastSeq: z.record(z.string(), z.number().int()) });

/** To pools: these attempts count no more. */
export const revokeMessageSchema = z.object({
  attempts: z.array(z.object({ subtaskId: z.string(), epoch: z.number().int() })),
});

export const directoryMessageSchema = z.object({ changed: z.enum(['agents', 'skills', 'keys']) });

/** From one agent to another, to the process that serves it. */
export const agentMessageSchema = z.object({
  id: z.string(),
  taskId: z.string(),
  /** That the sender works on. */
  subtaskId: z.string(),
  from: z.string(),
  to: z.string().nullable(),
  /** The agents of the receiving process that shall hear it. */
  recipients: z.array(z.string()),
  topic: z.string().max(200),
  data: z.unknown(),
});
export const agentAnswerSchema = z.union([
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);
export type AgentAnswer = z.infer<typeof agentAnswerSchema>;

const handedConversationSchema = z.object({
  chain: z.array(z.string().max(200)).max(100),
  messages: z.array(z.object({ from: z.string().max(200), text: z.string().max(10_000) })).max(200),
  contextVariables: z.record(z.string(), z.unknown()),
});

/** From a pool to every orchestrator: have the rest of a conversation done by whoever bids best; without a request: stop it. */
export const handoffMessageSchema = z.object({
  subtaskId: z.string(),
  epoch: z.number().int(),
  /** Of the attempt's handoffs to the market, from 1. */
  number: z.number().int(),
  request: z
    .object({
      skills: z.array(slugSchema).min(1).max(32),
      description: z.string().max(32_000),
      conversation: handedConversationSchema,
      timeoutMs: z.number().int().min(100),
      budget: z.object({ maxTokens: z.number().optional(), maxCostUsd: z.number().optional() }),
    })
    .optional(),
});
export type HandoffMessage = z.infer<typeof handoffMessageSchema>;
export const handoffAnswerSchema = z.union([z.object({ taskId: z.string() }), z.object({ error: z.string() })]);
