import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventType, TaskEvent } from '../../src/contracts/events.ts';
import type { TaskSubmission, TaskView } from '../../src/contracts/task.ts';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { Actor, hold, type Act } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const ofType = (events: TaskEvent[], type: EventType) => events.filter((event) => event.type === type);

/** Status by step. */
const statuses = (task: Pick<TaskView, 'subtasks'>) =>
  Object.fromEntries(task.subtasks.map(({ stepId, status }) => [stepId, status]));

type Step = NonNullable<TaskSubmission['steps']>[number];

const step = (id: string, dependsOn: string[] = [], more: Partial<Step> = {}): Step => ({
  id,
  skills: ['work'],
  dependsOn,
  ...more,
});

describe.each(TRANSPORTS)('workflows of steps on %s', (transport) => {
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

  const drop: Act = () => {
    throw new Error('dropped it');
  };

  it('a chain of two: the second step is auctioned when the first is accepted, and is given its delivery', async () => {
    finder.act = () => ({ facts: ['bees dance'] });
    writer.act = ({ dependencies, data }) => ({ text: JSON.stringify(dependencies), tone: data['tone'] });
    const submitted = await market.submit({
      type: 'article',
      data: { topic: 'bees', tone: 'dry' },
      steps: [
        { id: 'text', skills: ['write'], dependsOn: ['facts'], description: 'Write it.', data: { tone: 'warm' } },
        { id: 'facts', skills: ['find'] },
      ],
    });
    expect(submitted.requiredSkills).toEqual(['write', 'find']);
    expect(submitted.steps).toMatchObject([{ id: 'text', description: 'Write it.', data: { tone: 'warm' } }, {}]);
    expect(submitted.subtasks.map(({ stepId, dependsOn }) => [stepId, dependsOn])).toEqual([
      ['text', ['facts']],
      ['facts', []],
    ]);
    const task = await market.ended(submitted.id);
    expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    const facts = { facts: ['bees dance'] };
    const text = { text: JSON.stringify({ facts }), tone: 'warm' };
    expect(task.result!.sections).toEqual({ find: facts, write: text, facts, text });
    expect(writer.runs.items.at(-1)!.subtask).toMatchObject({
      id: `${task.id}-0`,
      stepId: 'text',
      description: 'Write it.',
      data: { topic: 'bees', tone: 'warm' },
      dependencies: { facts },
    });
    const [second, first] = task.subtasks;
    expect(Date.parse(second!.startedAt!)).toBeGreaterThanOrEqual(Date.parse(first!.finishedAt!));
    const { rounds } = await market.admin.award(task.id);
    expect(rounds.map((round) => [round.subtaskId, round.awards[0]?.agentId])).toEqual([
      [`${task.id}-1`, 'finder'],
      [`${task.id}-0`, 'writer'],
    ]);
  });

  it('a diamond runs its middle in parallel: both have started before either is finished, and the end gets both', async () => {
    const bothHere = Promise.withResolvers<undefined>();
    let here = 0;
    const meet: Act = async ({ stepId }) => {
      here += 1;
      if (here === 2) bothHere.resolve(undefined);
      await bothHere.promise;
      return { from: stepId };
    };
    workAs({ left: meet, right: meet, end: ({ dependencies }) => dependencies });
    const task = await market.run({
      type: 'diamond',
      steps: [step('start'), step('left', ['start']), step('right', ['start']), step('end', ['left', 'right'])],
    });
    expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    const both = { left: { from: 'left' }, right: { from: 'right' } };
    expect(task.result!.sections).toMatchObject({ start: 'start', ...both, end: both, work: both });
    const spans = task.subtasks.map((one) => [Date.parse(one.startedAt!), Date.parse(one.finishedAt!)] as const);
    expect(Math.max(spans[1]![0], spans[2]![0])).toBeLessThanOrEqual(Math.min(spans[1]![1], spans[2]![1]));
    const ends = spans.map((span) => span[1]);
    expect(task.result!.durationMs).toBe(Math.max(...ends) - spans[0]![0]);
    expect(task.result!.sequentialMs).toBe(spans.reduce((sum, [from, to]) => sum + to - from, 0));
  });

  it('a failed step fails what depends on it and nothing else; the task then fails naming the steps', async () => {
    workAs({ bad: drop });
    const steps = [
      step('bad'),
      step('after', ['bad']),
      step('last', ['after', 'good']),
      step('good'),
      step('more', ['good']),
    ];
    const { id } = await market.submit({ type: 'branches', maxAttempts: 1, steps });
    const events = await market.untilType(id, 'task.failed');
    const task = await market.admin.task(id);
    expect(statuses(task)).toEqual({
      bad: 'failed',
      after: 'failed',
      last: 'failed',
      good: 'accepted',
      more: 'accepted',
    });
    expect(task.error).toEqual({
      code: 'STEP_FAILED',
      message: 'Failed steps: bad: dropped it Not begun: after, last.',
    });
    expect(task.subtasks[1]).toMatchObject({ agentId: null, error: { code: 'DEPENDENCY_FAILED' } });
    expect(task.subtasks[4]).toMatchObject({ result: 'more' });
    const failed = ofType(events, 'subtask.failed').map(({ data }) => [data['stepId'], data['code'], data['outcome']]);
    expect(failed).toEqual([
      ['bad', 'AGENT_FAILED', 'failed'],
      ['after', 'DEPENDENCY_FAILED', 'market_failure'],
      ['last', 'DEPENDENCY_FAILED', 'market_failure'],
    ]);
    const said = await market.changes(id, 3);
    expect(said.map(({ delta }) => delta).toSorted()).toEqual([-10, 5, 5]);
  });

  it('with allowPartial it completes with what was accepted, without success, and a warning names the steps', async () => {
    workAs({ bad: drop });
    const task = await market.run({
      type: 'branches-partial',
      maxAttempts: 1,
      allowPartial: true,
      steps: [step('bad'), step('after', ['bad']), step('good')],
    });
    expect(task).toMatchObject({ status: 'completed', result: { success: false } });
    expect(Object.keys(task.result!.sections).toSorted()).toEqual(['good', 'work']);
    expect(task.warnings).toMatchObject([
      { rule: 'steps', message: expect.stringContaining('bad: dropped it') as string },
    ]);
  });

  it('a step that nobody is capable of fails by itself after biddingTimeMs, and the others go on', async () => {
    workAs({});
    const task = await market.run({
      type: 'rare-step',
      biddingTimeMs: 100,
      steps: [step('rare', [], { skills: ['unheard_of'] }), step('good')],
    });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'STEP_FAILED' } });
    expect(task.subtasks).toMatchObject([
      { status: 'failed', error: { code: 'NO_CAPABLE_AGENTS', uncoveredSkills: ['unheard_of'] } },
      { status: 'accepted' },
    ]);
  });

  it('a step whose condition is false is skipped, and so is what depends on skipped steps alone; the rest gets what there is', async () => {
    workAs({ start: () => ({ big: false }), end: ({ dependencies }) => dependencies });
    const { id } = await market.submit({
      type: 'conditions',
      data: { lang: 'en' },
      steps: [
        step('start', [], { when: 'task.data.lang = "en"' }),
        step('big', ['start'], { when: 'deliveries.start.big' }),
        step('bigger', ['big']),
        step('end', ['bigger', 'start']),
      ],
    });
    const events = await market.untilType(id, 'task.completed');
    const task = await market.admin.task(id);
    expect(statuses(task)).toEqual({ start: 'accepted', big: 'skipped', bigger: 'skipped', end: 'accepted' });
    expect(task.result).toMatchObject({ success: true, sections: { end: { start: { big: false } } } });
    expect(ofType(events, 'subtask.skipped').map(({ data }) => data)).toEqual([
      { subtaskId: `${id}-1`, stepId: 'big', reason: 'CONDITION' },
      { subtaskId: `${id}-2`, stepId: 'bigger', reason: 'DEPENDENCIES_SKIPPED' },
    ]);
  });

  it('a condition that comes to neither true nor false fails its step and says so', async () => {
    workAs({});
    const task = await market.run({ type: 'odd', steps: [step('odd', [], { when: '"maybe"' }), step('good')] });
    expect(task.subtasks[0]).toMatchObject({
      status: 'failed',
      error: { code: 'CONDITION_FAILED', message: 'Its condition ("maybe") came to neither true nor false.' },
    });
    expect(task.error?.code).toBe('STEP_FAILED');
  });

  it.each([
    ['refund', { refund: 'accepted', debug: 'skipped', reply: 'skipped', end: 'accepted' }],
    ['bug', { refund: 'skipped', debug: 'accepted', reply: 'skipped', end: 'accepted' }],
    ['praise', { refund: 'skipped', debug: 'skipped', reply: 'accepted', end: 'accepted' }],
  ])('a switch on "%s" takes one branch and skips the others', async (kind, wanted) => {
    workAs({ sort: () => ({ kind }) });
    const task = await market.run({
      type: `switch-${kind}`,
      steps: [
        step('sort', [], {
          switch: { on: 'deliveries.sort.kind', cases: { refund: 'refund', bug: 'debug' }, default: 'reply' },
        }),
        step('refund', ['sort']),
        step('debug', ['sort']),
        step('reply', ['sort']),
        step('end', ['refund', 'debug', 'reply']),
      ],
    });
    expect(statuses(task)).toEqual({ sort: 'accepted', ...wanted });
    expect(task.result?.success).toBe(true);
  });

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

  it('cancelled in its middle, what runs is told so and what waits never begins', async () => {
    const held = hold();
    workAs({ middle: held.act });
    const { id } = await market.submit({
      type: 'cancelled',
      steps: [step('start'), step('middle', ['start']), step('end', ['middle'])],
    });
    await market.until(id, (events) => ofType(events, 'subtask.started').length === 2);
    expect((await market.admin.task(id)).subtasks[2]).toMatchObject({ status: 'pending', waitsFor: ['middle'] });
    await market.admin.cancel(id);
    const run = worker.runs.items.find(({ subtask }) => subtask.taskId === id && subtask.stepId === 'middle');
    const { signal } = run!.context;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    held.release();
    const task = await market.admin.task(id);
    expect(statuses(task)).toEqual({ start: 'accepted', middle: 'cancelled', end: 'cancelled' });
    expect(worker.runs.items.some(({ subtask }) => subtask.taskId === id && subtask.stepId === 'end')).toBe(false);
  });

  it('whose deadline passes in its middle expires', async () => {
    const held = hold();
    workAs({ middle: held.act });
    const task = await market.run({
      type: 'late',
      deadline: new Date(Date.now() + 2_000).toISOString(),
      steps: [step('start'), step('middle', ['start']), step('end', ['middle'])],
    });
    held.release();
    expect(task).toMatchObject({ status: 'expired', error: { code: 'DEADLINE_PASSED' } });
    expect(statuses(task)['end']).toBe('cancelled');
  });

  it('survives its server: stopped in its middle, the workflow goes on where it was', async () => {
    const held = hold('from before the stop');
    workAs({ middle: held.act, end: ({ dependencies }) => dependencies });
    const { id } = await market.submit({
      type: 'crash',
      steps: [step('start'), step('middle', ['start'], { when: 'true' }), step('end', ['middle', 'start'])],
    });
    await market.until(id, (events) => ofType(events, 'subtask.started').length === 2);
    const stopping = market.stopServer();
    held.release();
    await stopping;
    await market.startServer();
    const task = await market.ended(id);
    expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    expect(task.result!.sections['end']).toEqual({ middle: 'from before the stop', start: 'start' });
    expect(worker.runs.items.filter(({ subtask }) => subtask.taskId === id && subtask.stepId === 'start')).toHaveLength(
      1,
    );
  });

  // On one transport: what grows with the steps is the market's, not the transport's.
  it.runIf(transport === 'Redis')(
    '64 steps in a chain run one after the other',
    async () => {
      worker.act = ({ dependencies }) => 1 + Number(Object.values(dependencies ?? {})[0] ?? 0);
      const steps = Array.from({ length: 64 }, (_, i) => step(`s${i}`, i === 0 ? [] : [`s${i - 1}`]));
      const task = await market.run({ type: 'chain', steps });
      expect(task.result!.sections['s63']).toBe(64);
      expect(task.result!.success).toBe(true);
    },
    60_000,
  );

  it('what agents say and ask is kept with the task, for its owner alone', async () => {
    workAs({
      tell: async (_subtask, context) => {
        context.publish('news', { price: 3 });
        return context.ask('finder', 'rates', { segment: 'a' }).catch(() => 'no answer');
      },
    });
    const { id } = await ada.submit({ type: 'talk', steps: [step('tell')] });
    await market.until(id, (events) => ofType(events, 'message.sent').length === 2);
    const { items, nextCursor } = await ada.messages(id);
    expect(nextCursor).toBeNull();
    const said = items.toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
    expect(said).toMatchObject([
      { from: 'worker', to: null, topic: 'news', data: { price: 3 }, subtaskId: `${id}-0` },
      { from: 'worker', to: 'finder', topic: 'rates', data: { segment: 'a' }, subtaskId: `${id}-0` },
    ]);
    const first = await ada.messages(id, { limit: 1 });
    expect([...first.items, ...(await ada.messages(id, { cursor: first.nextCursor! })).items]).toEqual(items);
    const bob = market.client((await market.admin.createKey({ role: 'submitter', name: 'carl' })).key);
    await expect(bob.messages(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
