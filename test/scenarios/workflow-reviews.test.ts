import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskSubmission, TaskView } from '../../src/contracts/task.ts';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { Actor, type Act } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

/** Status by step. */
const statuses = (task: Pick<TaskView, 'subtasks'>) =>
  Object.fromEntries(task.subtasks.map(({ stepId, status }) => [stepId ?? '', status] as const));

type Step = NonNullable<TaskSubmission['steps']>[number];

const step = (id: string, dependsOn: string[] = [], more: Partial<Step> = {}): Step => ({
  id,
  skills: ['work'],
  dependsOn,
  ...more,
});

describe.each(TRANSPORTS)('reviews in workflows on %s', (transport) => {
  const finder = new Actor({ id: 'finder', skills: ['find'] });
  const writer = new Actor({ id: 'writer', skills: ['write'] });
  const reviewer = new Actor({ id: 'reviewer', skills: ['review'] });
  const worker = new Actor({ id: 'worker', skills: ['work'], capacity: 16 });
  let market: Market;
  let ada: SwarmbidClient;

  beforeAll(async () => {
    market = await startMarket({ transport, agents: [finder, writer, reviewer, worker] });
    ada = market.client((await market.admin.createKey({ role: 'submitter', name: 'ada' })).key);
  });
  afterAll(() => market.stop());

  /** The worker does this for each step by its id; the others deliver their own id. */
  function workAs(acts: Record<string, Act>): void {
    worker.act = (subtask, context) => {
      const act = acts[subtask.stepId ?? ''];
      return act === undefined ? subtask.stepId : act(subtask, context);
    };
  }

  /** A draft and its review; the print builds on both. */
  const reviewed = (more: { maxIterations?: number; escalate?: boolean } = {}): Step[] => [
    step('draft', [], { skills: ['write'] }),
    step('check', ['draft'], { skills: ['review'], review: { of: 'draft', until: 'deliveries.check.ok', ...more } }),
    step('print', ['draft', 'check']),
  ];

  it('a review sends the work back with its notes until it approves; one delivery of each step is rewarded', async () => {
    workAs({ print: ({ dependencies }) => dependencies });
    writer.act = ({ revision }) => ({ version: revision?.iteration ?? 1, after: revision ?? null });
    reviewer.act = ({ dependencies }) => {
      const { version } = dependencies!['draft'] as { version: number };
      return version === 3 ? { ok: true } : { ok: false, notes: `not version ${version}` };
    };
    const keys = writer.runs.items.length;
    const { id } = await market.submit({ type: 'reviewed', steps: reviewed() });
    await market.untilType(id, 'task.completed');
    const task = await market.admin.task(id);
    const second = {
      iteration: 2,
      previous: { version: 1, after: null },
      notes: { ok: false, notes: 'not version 1' },
    };
    const third = {
      iteration: 3,
      previous: { version: 2, after: second },
      notes: { ok: false, notes: 'not version 2' },
    };
    expect(task.result!.sections).toMatchObject({
      draft: { version: 3, after: third },
      print: { draft: { version: 3 }, check: { ok: true } },
    });
    expect(task.subtasks.map(({ stepId, iteration, attempt, epoch }) => [stepId, iteration, attempt, epoch])).toEqual([
      ['draft', 3, 1, 3],
      ['check', 3, 1, 3],
      ['print', 1, 1, 1],
    ]);
    expect(writer.runs.items.slice(keys).map((run) => run.context.idempotencyKey)).toEqual([
      `sub_${id}-0`,
      `sub_${id}-0_2`,
      `sub_${id}-0_3`,
    ]);
    const changes = await market.changes(id, 7);
    expect(changes.map(({ agentId, delta, reason }) => `${agentId} ${delta} ${reason}`).toSorted()).toEqual([
      'reviewer 0 SENT_BACK',
      'reviewer 0 SENT_BACK',
      'reviewer 5 null',
      'worker 5 null',
      'writer 0 SENT_BACK',
      'writer 0 SENT_BACK',
      'writer 5 null',
    ]);
  });

  it('a review that never approves fails its loop and what depends on it, once maxIterations are used up', async () => {
    writer.act = () => 'the same again';
    reviewer.act = () => ({ ok: 'perhaps' });
    const task = await market.run({ type: 'exhausted', steps: reviewed({ maxIterations: 2 }) });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'STEP_FAILED' } });
    expect(task.error!.message).toContain('"check" did not approve "draft" in 2 iterations.');
    expect(statuses(task)).toEqual({ draft: 'failed', check: 'failed', print: 'failed' });
    const changes = await market.changes(task.id, 4);
    expect(changes.every(({ delta, reason }) => delta === 0 && reason === 'SENT_BACK')).toBe(true);
  });

  describe('a review that escalates', () => {
    async function escalated(): Promise<string> {
      writer.act = () => 'a draft';
      reviewer.act = () => ({ ok: false });
      workAs({});
      const { id } = await ada.submit({
        type: 'escalated',
        steps: [...reviewed({ maxIterations: 1, escalate: true }), step('beside')],
      });
      const events = await market.untilType(id, 'task.escalated');
      expect(events.at(-1)!.data).toMatchObject({
        subtaskId: `${id}-1`,
        stepId: 'check',
        reason: 'REVIEW_EXHAUSTED',
        choices: ['again'],
      });
      expect(await ada.task(id)).toMatchObject({ status: 'escalated', escalations: [{ stepId: 'check' }] });
      return id;
    }
    const code = (asked: Promise<unknown>) => asked.catch((error: unknown) => (error as { code?: unknown }).code);

    it('waits for its owner: approved, the work stands and goes on; the same answer again changes nothing, another is late', async () => {
      const id = await escalated();
      const bob = market.client((await market.admin.createKey({ role: 'submitter', name: 'bob' })).key);
      expect(await code(bob.decide(id, { decision: 'approve' }))).toBe('NOT_FOUND');
      expect(await code(ada.decide(id, { decision: 'choose', choice: 'else' }))).toBe('INVALID_REQUEST');
      expect(await code(ada.decide(id, { decision: 'approve', choice: 'again' }))).toBe('INVALID_REQUEST');
      const answer = { decision: 'approve', note: 'good enough' } as const;
      const decided = await ada.decide(id, answer);
      expect(decided.escalations).toMatchObject([{ decision: answer }]);
      const task = await market.ended(id);
      expect(task).toMatchObject({ status: 'completed', result: { success: true, sections: { draft: 'a draft' } } });
      expect(await ada.decide(id, answer)).toMatchObject({ status: 'completed' });
      expect(await code(ada.decide(id, { decision: 'reject' }))).toBe('CONFLICT');
      const audit = (await market.admin.audit()).items.filter((entry) => entry.target === id);
      expect(audit).toMatchObject([{ action: 'task.decide', details: { decision: 'approve', subtaskId: `${id}-1` } }]);
    });

    it('rejected, the loop fails with the note, and the step beside it stands', async () => {
      const id = await escalated();
      await ada.decide(id, { decision: 'reject', note: 'off topic' });
      const task = await market.ended(id);
      expect(task.error!.message).toContain('It was rejected: off topic');
      expect(statuses(task)).toEqual({ draft: 'failed', check: 'failed', print: 'failed', beside: 'accepted' });
    });

    it('granted one more iteration, the author is told the note', async () => {
      const id = await escalated();
      reviewer.act = () => ({ ok: true });
      writer.act = ({ revision }) => revision!.decisionNote;
      await ada.decide(id, { decision: 'choose', choice: 'again', note: 'shorter' });
      const task = await market.ended(id);
      expect(task).toMatchObject({ status: 'completed', result: { sections: { draft: 'shorter' } } });
    });

    it('undecided when it falls due, it counts as rejected', async () => {
      const id = await escalated();
      const [asked] = (await ada.task(id)).escalations!;
      const past = new Date(0).toISOString();
      await market.db
        .updateTable('task')
        .set({ escalations: JSON.stringify([{ ...asked, dueAt: past }]), decision_due_at: new Date(0) })
        .where('id', '=', id)
        .execute();
      expect((await market.ended(id)).error!.message).toContain('nobody decided in time');
    });

    it('can be cancelled', async () => {
      const id = await escalated();
      expect(await ada.cancel(id)).toMatchObject({ status: 'cancelled' });
      expect(await code(ada.decide(id, { decision: 'approve' }))).toBe('CONFLICT');
    });
  });

  it('a rule of severity reject takes a step back by its id, and what was built on it is done again', async () => {
    const drafts = [{ cost: 200 }, { cost: 50 }];
    workAs({ plan: () => drafts.shift(), build: ({ dependencies }) => dependencies });
    const task = await market.run({
      type: 'ruled',
      steps: [step('plan'), step('build', ['plan']), step('beside')],
      rules: [{ name: 'cheap', expression: 'deliveries.plan.cost <= 100', severity: 'reject' }],
    });
    expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    expect(task.result!.sections).toMatchObject({ plan: { cost: 50 }, build: { plan: { cost: 50 } } });
    expect(task.subtasks.map(({ stepId, attempt, iteration }) => [stepId, attempt, iteration])).toEqual([
      ['plan', 2, 1],
      ['build', 1, 2],
      ['beside', 1, 1],
    ]);
    const changes = await market.changes(task.id, 5);
    expect(
      changes.map(({ subtaskId, delta, reason }) => `${subtaskId.slice(-1)} ${delta} ${reason}`).toSorted(),
    ).toEqual(['0 -10 RULE_BROKEN', '0 5 null', '1 0 INPUT_TAKEN_BACK', '1 5 null', '2 5 null']);
  });
});
