import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { TaskView } from '../../src/contracts/task.ts';
import { Actor, hold } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

describe.each(TRANSPORTS)('a submitted task on %s', (transport) => {
  const worker = new Actor({ id: 'worker', skills: ['work'] });
  const runner = new Actor({ id: 'runner', skills: ['run'] });
  const counter = new Actor({ id: 'counter', skills: ['count'] });
  const failing = new Actor({ id: 'failing', skills: ['count_badly'] });
  const rated = new Actor({ id: 'rated', skills: ['rate'] });
  let market: Market;

  beforeAll(async () => {
    market = await startMarket({ transport, agents: [worker, runner, counter, failing, rated] });
  });
  afterAll(() => market.stop());

  const post = (key: string | null, body: object) =>
    market.fetch('/v1/tasks', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === null ? {} : { 'idempotency-key': key }) },
      body: JSON.stringify(body),
    });

  it('is stored when 202 is answered, with its Location and its defaults', async () => {
    const response = await post(null, { type: 'Plain', requiredSkills: ['WORK', 'work'] });
    const task = (await response.json()) as TaskView;
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/v1/tasks/${task.id}`);
    expect(task).toMatchObject({
      type: 'plain',
      requiredSkills: ['work'],
      status: 'accepted',
      complexity: 'simple',
      priority: 'normal',
      policy: 'weighted',
      maxAttempts: 3,
      biddingTimeMs: 30_000,
      timeoutMs: 60_000,
      allowPartial: false,
      data: {},
      subtasks: [],
      usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
    });
    expect(await market.ended(task.id)).toMatchObject({
      status: 'completed',
      result: { sections: { work: 'done by worker' } },
    });
  });

  it('is the same task for the same Idempotency-Key and body, whatever the order of members; another body is 422', async () => {
    const first = (await (await post('order-1', { type: 'keyed', data: { a: 1, b: 2 } })).json()) as TaskView;
    const again = await post('order-1', { data: { b: 2, a: 1 }, type: 'keyed' });
    expect(again.status).toBe(202);
    expect(((await again.json()) as TaskView).id).toBe(first.id);
    const other = await post('order-1', { type: 'keyed', data: { a: 1, b: 3 } });
    expect(other.status).toBe(422);
    expect(other.headers.get('content-type')).toContain('application/problem+json');
    expect(await other.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422 });
  });

  it('has until its deadline by the database’s clock: an API process may be an hour fast', async () => {
    const deadline = new Date(Date.now() + 60_000).toISOString();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const response = await post(null, { type: 'hasty', requiredSkills: ['work'], deadline });
    expect(response.status).toBe(202);
  });

  it('is found again by its Idempotency-Key after its deadline has passed; without the key that deadline is refused', async () => {
    const body = {
      type: 'late',
      requiredSkills: ['nobody_has_it'],
      deadline: new Date(Date.now() + 1_500).toISOString(),
    };
    const first = (await (await post('late-1', body)).json()) as TaskView;
    expect(await market.ended(first.id)).toMatchObject({ status: 'expired' });
    const again = await post('late-1', body);
    expect(again.status).toBe(202);
    expect(await again.json()).toMatchObject({ id: first.id, status: 'expired' });
    expect((await post('late-1', { ...body, priority: 'high' })).status).toBe(422);
    const refused = { code: 'INVALID_REQUEST', errors: [{ path: 'deadline' }] };
    expect(await (await post(null, body)).json()).toMatchObject(refused);
    expect(await (await post('late-2', body)).json()).toMatchObject(refused);
  });

  it('stands in lists without what it was given and what was delivered', async () => {
    const { id } = await market.submit({ type: 'listed', requiredSkills: ['work'], data: { given: 'secret' } });
    await market.changes(id, 1);
    const task = await market.admin.task(id);
    expect(task).toMatchObject({ data: { given: 'secret' }, result: { sections: { work: 'done by worker' } } });
    const answer = await (await market.fetch('/v1/tasks?type=listed')).text();
    expect(answer).not.toContain('secret');
    expect(answer).not.toContain('done by worker');
    const [item] = (await market.admin.tasks({ type: 'listed' })).items;
    expect(task).toMatchObject({ ...item });
    expect(item?.result).toMatchObject({ success: true, contributors: ['worker'] });
  });

  it('is on a page of a list only for a cursor of that list: any other is 400 that names it', async () => {
    const lists = ['tasks', 'agents', 'skills', 'admin/audit', 'admin/keys', 'admin/reputation/leaderboard'];
    for (const list of lists) {
      for (const position of ['\0', '-'.repeat(36), '[1,"\0"]', 'é']) {
        const cursor = Buffer.from(position).toString('base64url');
        const answer = await market.fetch(`/v1/${list}?cursor=${cursor}`);
        expect(await answer.json()).toMatchObject({
          status: 400,
          code: 'INVALID_REQUEST',
          errors: [{ path: 'cursor' }],
        });
      }
    }
  });

  it('exists once, though 50 requests with one key arrive together', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post('burst-1', { type: 'burst' })));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as TaskView).id));
    expect(new Set(ids).size).toBe(1);
    expect((await market.admin.tasks({ type: 'burst' })).items).toMatchObject([{ id: ids[0] }]);
    await market.ended(ids[0]!);
    expect(await market.db.selectFrom('ledger').select('id').where('task_id', '=', ids[0]!).execute()).toHaveLength(1);
  });

  it('with steps in a cycle is refused naming its path, and with unknown fields naming them', async () => {
    const steps = await post(null, {
      type: 'steps',
      steps: [
        { id: 'one', skills: ['work'] },
        { id: 'two', skills: ['work'], dependsOn: ['one', 'four'] },
        { id: 'three', skills: ['work'], dependsOn: ['two'] },
        { id: 'four', skills: ['work'], dependsOn: ['three'] },
      ],
    });
    const message = 'a cycle: two → four → three → two (each depends on the next)';
    expect(await steps.json()).toMatchObject({
      code: 'INVALID_REQUEST',
      detail: `steps.1.dependsOn: ${message}`,
      errors: [{ path: 'steps.1.dependsOn', message }],
    });
    expect(steps.status).toBe(400);
    const unknown = await post(null, { type: 'typo', requiredSkill: ['work'] });
    expect(unknown.status).toBe(400);
    expect(JSON.stringify(await unknown.json())).toContain('requiredSkill');
    expect((await market.admin.tasks({ type: 'steps' })).items).toEqual([]);
  });

  it('does not exist for another owner: 404 for every route of it and for its feed; an admin sees it', async () => {
    const [ada, bob] = await Promise.all(
      ['ada', 'bob'].map(async (ownerId) => {
        const { key } = await market.admin.createKey({ role: 'submitter', ownerId });
        return market.client(key);
      }),
    );
    const { id } = await ada!.submit({ type: 'private', requiredSkills: ['work'] });
    const task = await ada!.wait(id);
    expect(task.ownerId).toBe('ada');
    await market.changes(id, 1);
    const refused = { code: 'NOT_FOUND' };
    const routes = [
      () => bob!.task(id),
      () => bob!.events(id),
      () => bob!.award(id),
      () => bob!.cancel(id),
      () => bob!.feedback(id, { quality: 1 }),
    ];
    for (const route of routes) await expect(route()).rejects.toMatchObject({ ...refused, status: 404 });
    await expect(bob!.watch(id).next()).rejects.toMatchObject(refused);
    expect((await bob!.tasks()).items).toEqual([]);
    expect((await ada!.tasks()).items.map((item) => item.id)).toEqual([id]);
    expect(await market.admin.task(id)).toEqual(await ada!.task(id));
    const asSeenBy = async (client: Market['admin']) =>
      (await client.reputation('worker')).entries.filter((entry) => entry.taskId === id).length;
    expect([await asSeenBy(ada!), await asSeenBy(bob!)]).toEqual([1, 0]);
  });

  it('has its events from seq 1 without gaps, also after its end, the same from the store and over the feed', async () => {
    const { id } = await market.submit({ type: 'steps-of-it', requiredSkills: ['work'] });
    const live = await market.untilType(id, 'reputation.changed');
    expect(live.map((event) => event.type)).toEqual([
      'task.accepted',
      'task.announced',
      'bids.received',
      'task.awarded',
      'subtask.started',
      'subtask.accepted',
      'task.synthesizing',
      'task.completed',
      'reputation.changed',
    ]);
    expect(live.map((event) => event.seq)).toEqual(live.map((_, index) => index + 1));
    expect((await market.admin.events(id)).items).toEqual(live);
    expect((await market.admin.events(id, { after: 7 })).items).toEqual(live.slice(7));
    const page = await market.admin.events(id, { limit: 4 });
    expect(page.items).toEqual(live.slice(0, 4));
    expect((await market.admin.events(id, { cursor: page.nextCursor! })).items).toEqual(live.slice(4));
  });

  it('shows progress at most four times a second, always with the latest value', async () => {
    const held = hold();
    runner.act = (subtask, context) => {
      for (let percent = 0; percent <= 60; percent += 1) context.progress(percent, `at ${percent}`);
      return held.act(subtask, context);
    };
    const { id } = await market.submit({ type: 'progress', requiredSkills: ['run'] });
    const events = await market.untilType(id, 'subtask.progress');
    expect(events.at(-1)!.data).toEqual({ subtaskId: `${id}-0`, agentId: 'runner', percent: 60, note: 'at 60' });
    expect(await market.admin.task(id)).toMatchObject({ status: 'running', subtasks: [{ progressPercent: 60 }] });
    held.release();
    await market.ended(id);
    const all = (await market.admin.events(id)).items;
    expect(all.filter((event) => event.type === 'subtask.progress')).toHaveLength(1);
  });

  it('shows the last progress of an attempt, though it ends in the same moment', async () => {
    runner.act = (_subtask, { progress }) => {
      progress(99, 'nearly');
      throw new Error('so close');
    };
    const { id } = await market.submit({ type: 'progress', requiredSkills: ['run'], maxAttempts: 1 });
    const events = await market.untilType(id, 'task.failed');
    expect(events.find((event) => event.type === 'subtask.progress')!.data).toMatchObject({
      percent: 99,
      note: 'nearly',
    });
  });

  it('adds up what its agents used, of failed attempts too, and ignores nonsense', async () => {
    counter.act = (_subtask, { usage }) => {
      usage({ inputTokens: 100, outputTokens: 20, costUsd: 0.25 });
      usage({ inputTokens: 1, costUsd: 0.5 });
      usage({ inputTokens: -5, outputTokens: NaN, costUsd: Infinity });
      return 'counted';
    };
    failing.act = (_subtask, { usage, attempt }) => {
      usage({ outputTokens: 7 });
      if (attempt === 1) throw new Error('once more');
      return 'counted';
    };
    const task = await market.run({ type: 'usage', requiredSkills: ['count', 'count_badly'] });
    expect(task).toMatchObject({ status: 'completed', usage: { inputTokens: 101, outputTokens: 34, costUsd: 0.75 } });
  });

  it('shows a requester’s feedback as its quality, at most once for each subtask, and no entry of the ledger changes', async () => {
    const { id } = await market.submit({ type: 'rated', requiredSkills: ['rate'] });
    await market.changes(id, 1);
    const before = await market.admin.reputation('rated');
    const task = await market.admin.feedback(id, { quality: 95, comment: 'as asked' });
    expect(task.result?.quality, 'the mean of what is known').toBe(95);
    expect(task.subtasks).toMatchObject([{ quality: 95, qualitySource: 'requester' }]);
    await expect(market.admin.feedback(id, { quality: 10 })).rejects.toMatchObject({ code: 'CONFLICT', status: 409 });
    const named = market.admin.feedback(id, { subtaskId: `${id}-1`, quality: 10 });
    await expect(named).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await market.admin.reputation('rated')).toEqual(before);
    expect(before.entries[0]).toMatchObject({ taskId: id, quality: null, qualitySource: null, delta: 5 });
  });
});
