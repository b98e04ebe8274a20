import { z } from 'zod';
import { HANDOFF_REFUSALS } from './agent-market.ts';

export const handoffEntrySchema = z.object({
  id: z.string(),
  taskId: z.string(),
  subtaskId: z.string(),
  epoch: z.number().int(),
  from: z.string(),
  to: z.string(),
  refused: z.enum(HANDOFF_REFUSALS).nullable().describe('null: it was made; else why it was not'),
  reason: z.string().describe('in the model’s words; may be empty'),
  at: z.string(),
});
export type HandoffEntry = z.infer<typeof handoffEntrySchema>;

export const handoffReportSchema = z.object({
  windowMs: z.number(),
  routes: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      declared: z.boolean().describe('the agent names it among its handoffs'),
      made: z.number().int(),
      refused: z.number().int(),
      loopingAttempts: z
        .number()
        .int()
        .describe('attempts in which it led back to an agent that had had the conversation'),
      neverUsed: z.boolean().describe('declared, and not once tried in this time'),
    }),
  ),
});
/** Which handoffs are made, which loop and which are never used. */
export type HandoffReport = z.infer<typeof handoffReportSchema>;

export const memoryViewSchema = z.object({
  id: z.string(),
  agentId: z.string(),
  ownerId: z.string().describe('in whose tasks it was made, and is recalled'),
  text: z.string(),
  taskId: z.string(),
  subtaskId: z.string(),
  at: z.string(),
});
/** What an agent remembers, and of what. */
export type MemoryView = z.infer<typeof memoryViewSchema>;
