import type { z } from 'zod';
import type { ExecutionContext, SubtaskInput } from '../../contracts/agent-definition.ts';
import type { Json } from '../../util/json.ts';

const ASK_TIMEOUT_MS = 3000;

export type Answer<Value> = { known: true; value: Value } | { known: false; why: string };

/**
 * Asks a member of the team; an agent that is not in it is not asked. An answer that fails, is late or has another
 * shape is no reason to fail one's own work: it comes back as `known: false` with a reason for a reader.
 * @throws the signal's reason once the attempt is over
 */
export async function askTeamMate<Value>(
  subtask: SubtaskInput,
  context: ExecutionContext,
  question: { agentId: string; topic: string; data: Json; answerSchema: z.ZodType<Value> },
): Promise<Answer<Value>> {
  const { agentId, topic } = question;
  if (!subtask.team.some((mate) => mate.agentId === agentId))
    return { known: false, why: `${agentId} is not in the team` };
  try {
    const answer = await context.ask(agentId, topic, question.data, { timeoutMs: ASK_TIMEOUT_MS });
    const read = question.answerSchema.safeParse(answer);
    if (read.success) return { known: true, value: read.data };
    return { known: false, why: `${agentId}'s answer on ${topic} could not be read` };
  } catch (error) {
    context.signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    context.log.warn('A team mate did not answer', { agentId, topic, reason });
    return { known: false, why: `${agentId} did not answer on ${topic}` };
  }
}
