import type { Failure } from '../../contracts/errors.ts';
import type { EventType } from '../../contracts/events.ts';
import type { Outcome } from '../../contracts/ledger.ts';
import type { FinalTaskStatus, TaskResult, TaskSpec, TaskStatus } from '../../contracts/task.ts';
import type { AttemptVerdict, DraftEvent, Effect, SubtaskRecord, TaskRecord } from './task-record.ts';
import { Workflow } from './workflow.ts';

type Changeable = Pick<TaskRecord, 'round' | 'epoch' | 'team' | 'warnings' | 'usage' | 'startedAt' | 'escalations'>;

/** A copy of a task under decision: transitions change it, and `finish` gives it back as a decision. The original stays. */
export class TaskDraft {
  readonly id: string;
  readonly spec: TaskSpec;
  readonly now: Date;
  readonly subtasks: SubtaskRecord[];
  readonly effects: Effect[] = [];
  private readonly base: TaskRecord;
  private readonly events: DraftEvent[] = [];
  private eventSeq: number;
  /** Null for a task that the market divides. */
  readonly workflow: Workflow | null;
  private changes: Partial<Changeable> = {};
  private state: { status: TaskStatus; result: TaskResult | null; error: Failure | null };

  constructor(task: TaskRecord, now: Date) {
    this.base = task;
    this.id = task.id;
    this.spec = task.spec;
    this.now = now;
    this.subtasks = task.subtasks.map((subtask) => ({ ...subtask }));
    this.eventSeq = task.eventSeq;
    this.workflow = task.spec.steps === undefined ? null : new Workflow(task.spec.steps);
    this.state = { status: task.status, result: task.result, error: task.error };
  }

  /** The task as far as it has been changed. */
  get task(): Readonly<Omit<TaskRecord, 'subtasks' | 'eventSeq' | 'status' | 'finishedAt' | 'result' | 'error'>> {
    return { ...this.base, ...this.changes };
  }

  get status(): TaskStatus {
    return this.state.status;
  }

  set(changes: Partial<Changeable>): void {
    this.changes = { ...this.changes, ...changes };
  }

  moveTo(status: Exclude<TaskStatus, FinalTaskStatus>): void {
    this.state = { ...this.state, status };
  }

  end(status: FinalTaskStatus, result: TaskResult | null, error: Failure | null): void {
    this.state = { status, result, error };
  }

  emit(type: EventType, data: Record<string, unknown>, at: Date = this.now): void {
    this.eventSeq += 1;
    this.events.push({ seq: this.eventSeq, type, at, data });
  }

  subtask(subtaskId: string): SubtaskRecord | undefined {
    return this.subtasks.find((subtask) => subtask.id === subtaskId);
  }

  ofStep(stepId: string): SubtaskRecord | undefined {
    return this.subtasks.find((subtask) => subtask.stepId === stepId);
  }

  /**
   * True if a rule of severity `reject` could blame the subtask at cross-validation, or a step that it builds on, or if a
   * review could still send it back (invariant 7).
   */
  mayBeTakenBack(subtask: SubtaskRecord): boolean {
    if (this.isBlamable(subtask)) return true;
    if (this.workflow === null || subtask.stepId === null) return false;
    const review = this.workflow.reviewAround(subtask.stepId);
    if (review !== undefined && isUnsettled(this.ofStep(review.id))) return true;
    // A rule that takes back any part of a loop lets its review judge anew.
    const last = review?.id ?? subtask.stepId;
    return [last, ...this.workflow.upstreamOf(last)].some((id) => this.isBlamable(this.ofStep(id)));
  }

  private isBlamable(subtask: SubtaskRecord | undefined): boolean {
    const { blamableSkills } = this.spec;
    if (subtask === undefined || blamableSkills.length === 0) return false;
    return [subtask.stepId ?? '', ...subtask.skills].some((name) => blamableSkills.includes(name));
  }

  closeAttempt(subtask: SubtaskRecord, verdict: AttemptVerdict): void {
    this.effects.push({ kind: 'close_attempt', subtaskId: subtask.id, epoch: subtask.epoch, verdict });
  }

  /** A provisional delivery becomes final: it stands and is entered so, or it does not, at nobody's expense or the agent's. */
  conclude(subtask: SubtaskRecord, outcome: 'accepted' | 'rejected' | 'market_failure', reason: string | null): void {
    if (!subtask.provisional) return;
    this.reverse(subtask, outcome);
    this.enter(subtask, outcome, reason);
  }

  /** Its entry is the caller's to make. */
  reverse(subtask: SubtaskRecord, verdict: AttemptVerdict): void {
    const { id: subtaskId, epoch } = subtask;
    subtask.provisional = false;
    const closing = this.effects.find(
      (one) => one.kind === 'close_attempt' && one.subtaskId === subtaskId && one.epoch === epoch,
    );
    if (closing?.kind === 'close_attempt') closing.verdict = verdict;
    else this.effects.push({ kind: 'reverse_attempt', subtaskId, epoch, verdict });
  }

  /** One entry for the present attempt of a subtask; its key makes a second one impossible. */
  enter(subtask: SubtaskRecord, outcome: Outcome, reason: string | null): void {
    if (subtask.agentId === null) return;
    const accepted = outcome === 'accepted';
    this.effects.push({
      kind: 'ledger',
      entry: {
        effectKey: `attempt:${subtask.id}:${subtask.epoch}`,
        agentId: subtask.agentId,
        taskId: this.id,
        ownerId: this.base.ownerId,
        subtaskId: subtask.id,
        skill: subtask.skills[0] ?? null,
        outcome,
        quality: accepted ? subtask.quality : null,
        qualitySource: accepted ? subtask.qualitySource : null,
        reason,
        durationMs:
          subtask.startedAt !== null && subtask.finishedAt !== null
            ? subtask.finishedAt.getTime() - subtask.startedAt.getTime()
            : null,
        team: this.task.team.length > 1,
      },
    });
  }

  finish(): { ok: true; task: TaskRecord; events: DraftEvent[]; effects: Effect[] } {
    const common = {
      ...this.base,
      ...this.changes,
      subtasks: this.subtasks,
      eventSeq: this.eventSeq,
      version: this.base.version + 1,
    };
    const { status, result, error } = this.state;
    const ended = status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'expired';
    const task: TaskRecord = ended
      ? { ...common, status, result, error, finishedAt: this.base.finishedAt ?? this.now }
      : { ...common, status, result: null, error: null, finishedAt: null };
    return { ok: true, task, events: this.events, effects: this.effects };
  }
}

const SETTLED = new Set<SubtaskRecord['status']>(['accepted', 'rejected', 'failed', 'cancelled', 'skipped']);

/** True as long as something may still come of it: a delivery, a decision. */
export function isUnsettled(subtask: SubtaskRecord | undefined): boolean {
  return subtask !== undefined && (!SETTLED.has(subtask.status) || subtask.hold !== null);
}

/** How events name a subtask. */
export function nameOf({ id, stepId }: SubtaskRecord): { subtaskId: string; stepId?: string } {
  return { subtaskId: id, ...(stepId === null ? {} : { stepId }) };
}
