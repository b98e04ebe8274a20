import type { Principal } from '../contracts/access.ts';
import { MarketError } from '../contracts/errors.ts';
import type { Escalation, EscalationAnswer } from '../contracts/step.ts';
import type { TaskView } from '../contracts/task.ts';
import { auditEntry } from '../db/audit-entry.ts';
import type { OwnedDatabase } from '../db/owned-database.ts';
import type { TaskStore } from './task-store.ts';
import type { TaskViews } from './task-view-store.ts';

/**
 * A person's answer to the one open escalation, or to the named one. An answer that was given already changes nothing and
 * is no error: who saw no reply may send it again.
 * @throws MarketError NOT_FOUND, INVALID_REQUEST (choice), CONFLICT (nothing to decide, several to choose from)
 */
export async function decideEscalation(
  { db, tasks, views }: { db: OwnedDatabase; tasks: TaskStore; views: TaskViews },
  principal: Principal,
  taskId: string,
  answer: EscalationAnswer,
): Promise<TaskView> {
  const task = await views.get(principal, taskId);
  const escalations = task.escalations ?? [];
  const [open, another] = openOnes(task, answer);
  if (open === undefined) {
    if (escalations.some((one) => isSame(one, answer))) return task;
    throw new MarketError('CONFLICT', 'Nothing of this task waits for a decision.');
  }
  if (another !== undefined) {
    const named = [open, another].map((one) => `${one.subtaskId} (${one.stepId})`).join(', ');
    throw new MarketError('CONFLICT', `Several decisions are open: ${named}. Name one in subtaskId.`);
  }
  checkChoice(open, answer);
  const { decision, choice, note } = answer;
  const { subtaskId } = open;
  const command = { kind: 'decide', subtaskId, decision, choice, note } as const;
  const record = auditEntry(principal, 'task.decide', taskId, { subtaskId, decision, choice: choice ?? null });
  const refusal = await tasks.command({ taskId, command, record }, (work) => db.write(principal, work));
  const decided = await views.get(principal, taskId);
  if (refusal === undefined || decided.escalations?.some((one) => isSame(one, { ...answer, subtaskId })))
    return decided;
  throw new MarketError('CONFLICT', 'The decision came too late: another was made meanwhile.');
}

function openOnes({ status, escalations = [] }: TaskView, { subtaskId }: EscalationAnswer): Escalation[] {
  if (status !== 'escalated') return [];
  return escalations.filter(
    (one) => one.decision === undefined && (subtaskId === undefined || one.subtaskId === subtaskId),
  );
}

function isSame({ subtaskId, decision: given }: Escalation, answer: EscalationAnswer): boolean {
  return (
    given !== undefined &&
    (answer.subtaskId === undefined || answer.subtaskId === subtaskId) &&
    given.decision === answer.decision &&
    given.choice === answer.choice &&
    given.note === answer.note
  );
}

function checkChoice({ choices }: Escalation, { decision, choice }: EscalationAnswer): void {
  const isValid = decision === 'choose' ? choices.includes(choice ?? '') : choice === undefined;
  if (isValid) return;
  const message = decision === 'choose' ? `must be one of: ${choices.join(', ')}` : 'belongs to the decision "choose"';
  throw new MarketError('INVALID_REQUEST', `choice: ${message}`, { errors: [{ path: 'choice', message }] });
}
