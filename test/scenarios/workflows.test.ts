import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Announcement } from '../../src/contracts/bid.ts';
import type { EventType, TaskEvent } from '../../src/contracts/events.ts';
import type { TaskSubmission, TaskView } from '../../src/contracts/task.ts';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { Actor, hold, type Act } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const ofType = (events: TaskEvent[], type: EventType) => events.filter((event) => event.type === type);

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

describe.each(TRANSPORTS)('workflows of steps on %s', (transport) => {
  const finder = new Actor({ id: 'finder', skills: ['find'] });
  const announced: Announcement[] = [];
  const writer = new Actor({
    id: 'writer',
    skills: ['write'],
    assess: (announcement, _self, standard) => {
      announced.push(announcement);
      return standard;
    },
  });
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
      description: 'An article about bees.',
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
    expect(announced.find((one) => one.taskId === task.id)).toMatchObject({
      subtaskId: `${task.id}-0`,
      description: 'Write it.',
      requiredSkills: ['write'],
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
