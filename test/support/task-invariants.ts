import { expect } from 'vitest';
import { isFinal } from '../../src/contracts/task.ts';
import { MAX_LOST_LEASES } from '../../src/orchestrator/core/transitions/settlement.ts';
import { WHOLE_TASK, type SubtaskRecord, type TaskRecord } from '../../src/orchestrator/core/task-record.ts';
import type { MarketWorld, Step } from './market-world.ts';

/** The numbered invariants of `task-machine.ts`, after one step of a world. */
export function assertInvariants(world: MarketWorld, step: Step): void {
  const { before, command, decision } = step;
  if (decision.ok) {
    assertSeqGrows(before, step); // 2
    assertFences(before, step); // 3, 4, 5
  } else {
    expect(world.task, 'a refusal changes nothing').toBe(before);
  }
  if (isFinal(before.status)) assertAbsorbs(before, step); // 1
  assertAttemptsAreEntered(world); // 6, 7
  assertLimits(world); // 8, 9
  assertWorkflow(world, step); // 11, 12
  if (isFinal(world.task.status))
    assertAllIsClosed(world); // 10
  else assertSomethingMoves(world, command.kind);
}

function assertAbsorbs(before: TaskRecord, { command, decision }: Step): void {
  if (command.kind !== 'say' && command.kind !== 'record_reputation') {
    expect(decision, 'invariant 1').toEqual({ ok: false, refusal: 'ENDED' });
    return;
  }
  if (!decision.ok) throw new Error(`a final task refused ${command.kind}`);
  expect(decision.effects).toEqual([]);
  const { version, eventSeq } = decision.task;
  expect(decision.task, 'invariant 1').toEqual({ ...before, version, eventSeq });
}

function assertSeqGrows(before: TaskRecord, { decision }: Step): void {
  if (!decision.ok) return;
  const expected = decision.events.map((_, i) => before.eventSeq + 1 + i);
  expect(
    decision.events.map((event) => event.seq),
    'invariant 2',
  ).toEqual(expected);
  expect(decision.task.eventSeq, 'invariant 2').toBe(before.eventSeq + expected.length);
  expect(decision.task.version).toBe(before.version + 1);
}

function assertFences(before: TaskRecord, { command, decision }: Step): void {
  if (!decision.ok) return;
  const answered = command.kind === 'deliver' && command.verdict.kind !== 'accepted';
  for (const subtask of decision.task.subtasks) {
    const old = before.subtasks[subtask.ord];
    const awards = decision.effects.filter((one) => one.kind === 'open_attempt' && one.subtaskId === subtask.id).length;
    const lost = command.kind === 'lose_lease' && command.subtaskId === subtask.id ? 1 : 0;
    expect(subtask.epoch - (old?.epoch ?? 0), 'invariant 3').toBe(awards + lost);
    const anew = subtask.iteration - (old?.iteration ?? 1);
    expect([0, 1], 'an iteration begins once').toContain(anew);
    if (anew === 1) expect(subtask.attempt, 'invariant 5').toBe(1);
    const growth = anew === 1 ? 0 : subtask.attempt - (old?.attempt ?? 1);
    const mayGrow = command.kind === 'finish_synthesis' || (answered && command.subtaskId === subtask.id);
    expect(growth, 'invariant 5').toBeLessThanOrEqual(mayGrow ? 1 : 0);
    expect(growth, 'invariant 5').toBeGreaterThanOrEqual(0);
  }
  const syntheses = decision.effects.filter((one) => one.kind === 'begin_synthesis').length;
  expect(syntheses, 'one decision begins one synthesis').toBeLessThanOrEqual(1);
  expect(decision.task.epoch - before.epoch, 'the task’s epoch fences its synthesis').toBe(syntheses);
  if (!('subtaskId' in command && 'epoch' in command)) return;
  expect(command.epoch, 'invariant 4').toBe(before.subtasks.find((one) => one.id === command.subtaskId)?.epoch);
}

function assertAttemptsAreEntered(world: MarketWorld): void {
  const final = isFinal(world.task.status);
  let entered = 0;
  for (const attempt of world.attempts.values()) {
    const entry = world.ledger.get(`attempt:${attempt.subtaskId}:${attempt.epoch}`);
    if (attempt.verdict === null || attempt.verdict === 'provisional') {
      expect(final, 'invariant 6: an attempt is open at the end').toBe(false);
      expect(entry, 'invariant 7: an entry before its verdict is final').toBeUndefined();
    } else {
      entered += 1;
      expect(entry, 'invariant 6').toEqual({ agentId: attempt.agentId, outcome: attempt.verdict });
    }
  }
  expect(world.ledger.size, 'invariant 6: an entry without an attempt').toBe(entered);
}

function assertLimits({ task, attempts }: MarketWorld): void {
  if (task.status === 'completed' && task.result?.success === true && task.spec.steps !== undefined) {
    const rest = task.subtasks.filter((one) => one.status !== 'accepted' && one.status !== 'skipped');
    expect(rest, 'invariant 8').toEqual([]);
  } else if (task.status === 'completed' && task.result?.success === true) {
    const done = task.subtasks.filter((one) => one.status === 'accepted').flatMap((one) => one.skills);
    expect(new Set(done), 'invariant 8').toEqual(new Set(task.spec.requiredSkills));
  }
  for (const subtask of task.subtasks) {
    const own = [...attempts.values()].filter((one) => one.subtaskId === subtask.id);
    const answers = own.filter(
      (one) =>
        one.iteration === subtask.iteration &&
        (one.verdict === 'failed' || one.verdict === 'rejected' || one.verdict === 'timed_out'),
    );
    expect(answers.length, 'invariant 9').toBeLessThanOrEqual(task.spec.maxAttempts);
    expect(own.filter((one) => one.verdict === 'accepted').length).toBeLessThanOrEqual(1);
    expect(subtask.lostLeases, 'invariant 9').toBeLessThanOrEqual(MAX_LOST_LEASES);
    if (subtask.lostLeases < MAX_LOST_LEASES && answers.length < task.spec.maxAttempts) continue;
    expect(['failed', 'rejected'], 'invariant 9').toContain(subtask.status);
  }
}

function assertAllIsClosed(world: MarketWorld): void {
  expect([...world.openings.keys()], 'invariant 10').toEqual([]);
  const open = world.task.subtasks.filter(
    (one) => one.hold !== null || ['pending', 'awarded', 'running'].includes(one.status),
  );
  expect(open, 'invariant 10').toEqual([]);
  expect(world.task.finishedAt).not.toBeNull();
}

/** Nothing is stuck: whatever is not settled has a row that a loop will find. */
function assertSomethingMoves({ task, openings, attempts, syntheses }: MarketWorld, after: string): void {
  const message = `nothing moves the task after ${after}`;
  const waiting = task.subtasks.filter((one) => one.hold !== null);
  const pending = task.subtasks.filter((one) => one.status === 'pending' && one.hold === null).map((one) => one.ord);
  const unopened = task.status === 'accepted' || task.status === 'announced';
  const whole = unopened && task.spec.steps === undefined ? [WHOLE_TASK] : [];
  expect(
    [...openings.keys()].toSorted((a, b) => a - b),
    message,
  ).toEqual([...whole, ...pending]);
  const held = task.subtasks.filter((one) => one.status === 'awarded' || one.status === 'running');
  const open = [...attempts.values()].filter((one) => one.verdict === null);
  expect(open.map((one) => `${one.subtaskId}:${one.epoch}`).toSorted(), message).toEqual(
    held.map((one) => `${one.id}:${one.epoch}`).toSorted(),
  );
  if (task.status === 'synthesizing') expect(syntheses.at(-1), message).toBe(task.epoch);
  else {
    const asked = waiting.filter((one) => one.hold !== 'dependencies');
    expect(whole.length + pending.length + held.length + asked.length, message).toBeGreaterThan(0);
  }
}

/** Steps wait for their dependencies, and a person is asked, only where there is something to wait for. */
function assertWorkflow(world: MarketWorld, { command, decision }: Step): void {
  const { task } = world;
  const steps = task.spec.steps ?? [];
  const isOpen = ({ status, hold }: SubtaskRecord) =>
    hold !== null || status === 'pending' || status === 'awarded' || status === 'running';
  const dependenciesOf = ({ ord }: SubtaskRecord) =>
    task.subtasks.filter((one) => steps[ord]?.dependsOn.includes(one.stepId ?? ''));
  for (const subtask of task.subtasks) {
    const dependencies = dependenciesOf(subtask);
    if (subtask.hold === 'dependencies')
      expect(dependencies.some(isOpen), `${subtask.id} waits for nothing after ${command.kind}`).toBe(true);
    if (subtask.status === 'awarded' || subtask.status === 'running' || subtask.status === 'accepted')
      expect(
        dependencies.filter((one) => one.hold !== null || !['accepted', 'skipped'].includes(one.status)),
        'invariant 11',
      ).toEqual([]);
    const review = steps[subtask.ord]?.review;
    if (review === undefined) continue;
    const most =
      review.maxIterations + world.granted + world.takenBack + (command.kind === 'decide' && decision.ok ? 1 : 0);
    expect(subtask.iteration, 'invariant 12').toBeLessThanOrEqual(most);
  }
  const open = task.escalations.filter((one) => one.decision === undefined).map((one) => one.subtaskId);
  const asked = task.subtasks.filter((one) => one.hold === 'decision').map((one) => one.id);
  if (!isFinal(task.status)) {
    expect(open.toSorted(), 'who is asked of').toEqual(asked.toSorted());
    expect(task.status === 'escalated').toBe(open.length > 0);
  }
}
