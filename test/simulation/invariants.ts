/** What must hold after every step, and what must hold when all faults are over (RELIABILITY 3.2, S1–S7 and L1–L2). */
import { isDeepStrictEqual } from 'node:util';
import { isFinal, type TaskStatus } from '../../src/contracts/task.ts';
import { attemptKey } from '../../src/orchestrator/core/attempts.ts';
import { WHOLE_TASK, type SubtaskRecord, type TaskRecord } from '../../src/orchestrator/core/task-record.ts';
import { MAX_LOST_LEASES } from '../../src/orchestrator/core/transitions/settlement.ts';
import { foldEntries, START_REPUTATION } from '../../src/reputation/core/ledger-rules.ts';
import type { AttemptRow, Step, TaskRow } from './rows.ts';
import type { SimWorld } from './world.ts';

/** Ends the history. */
function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const NEXT: Record<TaskStatus, readonly TaskStatus[]> = {
  accepted: ['announced', 'failed', 'cancelled', 'expired'],
  announced: ['awarded', 'failed', 'cancelled', 'expired'],
  awarded: ['running', 'synthesizing', 'completed', 'failed', 'cancelled', 'expired'],
  running: ['synthesizing', 'completed', 'failed', 'cancelled', 'expired'],
  synthesizing: ['running', 'completed', 'failed', 'cancelled', 'expired'],
  escalated: [],
  completed: [],
  failed: [],
  cancelled: [],
  expired: [],
};

export function checkStep(step: Step, world: SimWorld): void {
  const { before, command, decision } = step;
  if (isFinal(before.status) && command.kind !== 'say' && command.kind !== 'record_reputation')
    must(!decision.ok && decision.refusal === 'ENDED', 'invariant 1: a final state absorbs');
  if (!decision.ok) return;
  const { task } = decision;
  must(task.version === before.version + 1, 'version grows by one');
  must(
    task.status === before.status || NEXT[before.status].includes(task.status),
    `S6: from ${before.status} to ${task.status}`,
  );
  if (isFinal(before.status)) checkAbsorbs(step, task);
  checkSequence(step, task);
  checkFences(step, task);
  const row = world.store.tasks.get(before.id)!;
  // Of several decisions in one transaction, the last one says what is stored.
  if (row.record.version === task.version) checkStored(row, world);
}

function checkAbsorbs({ before, decision }: Step, task: TaskRecord): void {
  must(decision.ok && decision.effects.length === 0, 'invariant 1: a final task has no effects any more');
  const { version, eventSeq } = task;
  must(
    isDeepStrictEqual({ ...task }, { ...before, version, eventSeq, subtasks: task.subtasks }),
    'invariant 1: a final task stays',
  );
}

function checkSequence({ before, decision }: Step, task: TaskRecord): void {
  if (!decision.ok) return;
  decision.events.forEach((event, i) => must(event.seq === before.eventSeq + 1 + i, 'invariant 2: a gap in seq'));
  must(task.eventSeq === before.eventSeq + decision.events.length, 'invariant 2: seq is the last event’s');
}

function checkFences({ before, command, decision }: Step, task: TaskRecord): void {
  if (!decision.ok) return;
  const answered = command.kind === 'deliver' && command.verdict.kind !== 'accepted';
  for (const subtask of task.subtasks) {
    const old = before.subtasks[subtask.ord];
    const awards = decision.effects.filter((one) => one.kind === 'open_attempt' && one.subtaskId === subtask.id).length;
    const own = 'subtaskId' in command && command.subtaskId === subtask.id;
    const lost = command.kind === 'lose_lease' && own ? 1 : 0;
    must(subtask.epoch - (old?.epoch ?? 0) === awards + lost, 'invariant 3: epoch grows with awards and lost leases');
    const growth = subtask.attempt - (old?.attempt ?? 1);
    const mayGrow = command.kind === 'finish_synthesis' || (answered && own);
    must(growth >= 0 && growth <= (mayGrow ? 1 : 0), 'invariant 5: attempt grows when an agent answers');
  }
  const syntheses = decision.effects.filter((one) => one.kind === 'begin_synthesis').length;
  must(task.epoch - before.epoch === syntheses && syntheses <= 1, 'the task’s epoch fences its synthesis');
}

function checkStored({ record: task }: TaskRow, world: SimWorld): void {
  const attempts = [...world.store.attempts.values()].filter((row) => row.taskId === task.id);
  const final = isFinal(task.status);
  for (const row of attempts) checkEntry(row, final, world);
  for (const subtask of task.subtasks) checkSubtask(task, subtask, attempts);
  const openings = [...world.store.openings.values()].filter((one) => one.taskId === task.id).map((one) => one.ord);
  if (task.status === 'completed') checkResult(task, world);
  if (final) {
    must(openings.length === 0, 'invariant 10: a final task is on the board');
    const open = task.subtasks.some((one) => ['pending', 'awarded', 'running'].includes(one.status));
    must(!open, 'invariant 10: a final task has an open subtask');
    must(
      attempts.every((row) => row.closed),
      'invariant 10: a final task has an open attempt',
    );
  } else checkSomethingMoves(task, openings, attempts, world);
}

/** S4: one entry for each closed attempt, none before its verdict is final. */
function checkEntry(row: AttemptRow, final: boolean, { store }: SimWorld): void {
  const key = `attempt:${attemptKey(row.subtaskId, row.epoch)}`;
  const entries = store.ledger.filter((entry) => entry.effectKey === key);
  if (row.verdict === null || row.verdict === 'provisional') {
    must(!final, 'invariant 6: an attempt is open at the end');
    must(entries.length === 0, 'invariant 7: an entry before its verdict is final');
    return;
  }
  const [entry] = entries;
  must(entries.length === 1 && entry?.agentId === row.agentId && entry.outcome === row.verdict, `S4: ${key}, once`);
}

function checkSubtask(task: TaskRecord, subtask: SubtaskRecord, attempts: readonly AttemptRow[]): void {
  const own = attempts.filter((row) => row.subtaskId === subtask.id);
  const answers = own.filter((row) => ['failed', 'rejected', 'timed_out'].includes(row.verdict ?? ''));
  const accepted = own.filter((row) => row.verdict === 'accepted' || row.verdict === 'provisional');
  must(answers.length <= task.spec.maxAttempts, 'invariant 9: more answers than maxAttempts');
  must(accepted.length <= 1, 'S3: two accepted deliveries of one subtask');
  must(subtask.lostLeases <= MAX_LOST_LEASES, 'invariant 9: lost leases');
  if (subtask.lostLeases >= MAX_LOST_LEASES || answers.length >= task.spec.maxAttempts)
    must(subtask.status === 'failed' || subtask.status === 'rejected', 'invariant 9: it should have failed');
  if (subtask.status !== 'accepted') return;
  const [winner] = accepted;
  must(winner?.epoch === subtask.epoch, 'S7: a delivery of another epoch than the winning one');
  must(winner.outcome === 'delivered' && winner.value?.broken === false, 'S3: accepted without a delivery that holds');
  must(winner.value.text === winner.judgedBy, 'S3: the delivery is another than the one that was judged');
  must(subtask.quality === winner.value.quality, 'S3: the quality is that of another delivery');
}

/** S3: what the result was made from is what is stored. */
function checkResult(task: TaskRecord, { store }: SimWorld): void {
  if (task.result === null) throw new Error('S3: completed without a result');
  for (const subtask of task.subtasks) {
    if (subtask.status !== 'accepted') continue;
    const stored = store.attempts.get(attemptKey(subtask.id, subtask.epoch))?.value?.text;
    for (const skill of subtask.skills.length === 0 ? [task.spec.type] : subtask.skills)
      must(task.result.sections[skill] === stored, `S3: the section ${skill} is not the stored delivery`);
  }
  if (!task.result.success) return;
  const done = new Set(task.subtasks.filter((one) => one.status === 'accepted').flatMap((one) => one.skills));
  must(
    task.spec.requiredSkills.every((skill) => done.has(skill)),
    'invariant 8: success without every skill',
  );
}

/** Nothing is stuck: whatever is not settled has a row that a loop will find. */
function checkSomethingMoves(
  task: TaskRecord,
  openings: readonly number[],
  attempts: readonly AttemptRow[],
  { store }: SimWorld,
): void {
  const whole = task.status === 'accepted' || task.status === 'announced' ? [WHOLE_TASK] : [];
  const pending = task.subtasks.filter((one) => one.status === 'pending').map((one) => one.ord);
  const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b).join();
  must(sorted(openings) === sorted([...whole, ...pending]), 'L: an opening is missing on the board, or too many');
  const held = task.subtasks.filter((one) => one.status === 'awarded' || one.status === 'running');
  const open = attempts.filter((row) => !row.closed).map((row) => attemptKey(row.subtaskId, row.epoch));
  must(
    open.sort().join() ===
      held
        .map((one) => attemptKey(one.id, one.epoch))
        .sort()
        .join(),
    'L: an attempt is missing',
  );
  if (task.status === 'synthesizing')
    must(store.tasks.get(task.id)!.synthesisDueMs < Infinity, 'L: no synthesis is due');
  else must(whole.length + pending.length + held.length > 0, 'L: nothing moves the task');
}

/** S5: the entries, applied in the order of their fold with the clamp, give the reputations. */
export function checkReputations({ store }: SimWorld): void {
  const folded = store.ledger.filter((row) => row.foldSeq !== null).sort((a, b) => (a.foldSeq ?? 0) - (b.foldSeq ?? 0));
  for (const [agentId, own] of Map.groupBy(folded, (row) => row.agentId)) {
    const steps = foldEntries(
      START_REPUTATION,
      own.map((row) => row.delta),
    );
    own.forEach((row, i) =>
      must(row.before === steps[i]?.before && row.after === steps[i].after, 'S5: before and after'),
    );
    must(store.reputation.get(agentId) === steps.at(-1)?.after, 'S5: the reputation is the fold of its entries');
  }
}

/** A watcher is given every event once and in order, whatever breaks. */
export function checkWatchers(world: SimWorld): void {
  for (const { given } of world.watchers)
    given.forEach((seq, i) => must(seq === i + 1, 'S6: a watcher’s gap or repetition'));
}

export function checkHealed(world: SimWorld): void {
  const { store } = world;
  for (const [key, id] of world.acknowledged) {
    must(store.keys.get(key) === id && store.tasks.has(id), 'S1, S2: an acknowledged key has its task');
  }
  must(store.tasks.size === store.keys.size, 'S1: a key has more than one task');
  for (const [id, { record, events }] of store.tasks) {
    must(isFinal(record.status), `L1: ${id} is still ${record.status}`);
    must(events.length === record.eventSeq, 'S6: seq is the number of events');
  }
  must(store.outbox.length === 0, 'L2: the outbox is not empty');
  must(
    [...store.attempts.values()].every((row) => row.closed && row.changes === row.seen),
    'L2: something is unread',
  );
  must(
    store.ledger.every((row) => row.foldSeq !== null && row.told),
    'L2: an entry is not folded or not told',
  );
  const told = [...store.tasks.values()].flatMap(({ events }) =>
    events.filter((one) => one.type === 'reputation.changed'),
  );
  must(told.length === store.ledger.length, 'S4: one reputation.changed for each entry');
  must(
    world.agents.every((agent) => store.reserved(agent.id) === 0),
    'L3: load is still reserved',
  );
  for (const { taskId, sentSeq } of world.watchers.map((one) => ({ taskId: one.taskId, sentSeq: one.sentSeq() })))
    must(sentSeq === store.tasks.get(taskId)!.events.length, 'L: a watcher was not given everything');
  checkReputations(world);
  checkWatchers(world);
}
