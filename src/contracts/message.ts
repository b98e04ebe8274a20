import { z } from 'zod';

/** A message between agents, or the answer to one, as it is kept with its task. */
export const messageViewSchema = z.object({
  id: z.string(),
  subtaskId: z.string().describe('the subtask that its sender, or who asked for the answer that it is, was working on'),
  from: z.string(),
  to: z.string().nullable().describe('null: the whole team'),
  topic: z.string(),
  data: z.unknown(),
  at: z.string(),
});
export type MessageView = z.infer<typeof messageViewSchema>;
