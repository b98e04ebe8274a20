import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor, hold } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const fails = () => {
  throw new Error('out of ideas');
};

/** Goes on until it is told to stop, and then says so. */
function untilAborted() {
  const { promise: aborted, resolve } = Promise.withResolvers<Error>();
  const act: Actor['act'] = (_subtask, { signal }) =>
    new Promise(() => {
      signal.addEventListener('abort', () => resolve(signal.reason as Error), { once: true });
    });
  return { act, aborted };
}

describe.each(TRANSPORTS)('outcomes on %s', (transport) => {
  const best = new Actor({ id: 'best', skills: ['relay'] }, fails);
  const second = new Actor({ id: 'second', skills: ['relay'] });
  const third = new Actor({ id: 'third', skills: ['relay'] });
  const hanger = new Actor({ id: 'hanger', skills: ['hang'] });
  const dumper = new Actor({ id: 'dumper', skills: ['dump'] });
  const shaper = new Actor({ id: 'shaper', skills: ['shaped'] });
  const checked = new Actor({ id: 'checked', skills: ['checked'] });
  const worker = new Actor({ id: 'worker', skills: ['work'] });
  const careful = new Actor({ id: 'careful', skills: ['careful'] });
  const careless = new Actor({ id: 'careless', skills: ['careless'] }, fails);
  const lost = new Actor({ id: 'lost', skills: ['lose'] });
  const agents = [best, second, third, hanger, dumper, shaper, checked, worker, careful, careless, lost];
  let market: Market;

  beforeAll(async () => {
    // A lease so long that it ends only when a test says so.
    market = await startMarket({ transport, agents, env: { LEASE_MS: '600000' } });
  });
  afterAll(() => market.stop());

  it('an agent that throws loses 10, and the next-ranked bidder that does the work gains 5', async () => {
    await market.giveReputation('best', 120);
    await market.giveReputation('second', 110);
    const { id } = await market.submit({ type: 'relay', requiredSkills: ['relay'] });
    const changes = await market.changes(id, 2);
    expect(changes).toMatchObject([
      { agentId: 'best', outcome: 'failed', reason: 'AGENT_FAILED', delta: -10, before: 120, after: 110 },
      { agentId: 'second', outcome: 'accepted', reason: null, delta: 5, before: 110, after: 115 },
    ]);
    const task = await market.admin.task(id);
    expect(task).toMatchObject({ status: 'completed', round: 2, team: [{ agentId: 'second' }] });
    expect(task.subtasks).toMatchObject([{ agentId: 'second', attempt: 2, epoch: 2, status: 'accepted' }]);
    const { items } = await market.admin.events(id);
    const told = items.filter((event) => event.type === 'subtask.failed' || event.type === 'subtask.reassigned');
    expect(told.map((event) => event.data)).toMatchObject([
      { agentId: 'best', attempt: 1, outcome: 'failed', message: 'out of ideas', final: false },
      { from: 'best', to: 'second', reason: 'AGENT_FAILED', epoch: 2, attempt: 2 },
    ]);
    expect(await market.admin.agent('best')).toMatchObject({ reputation: 110, tier: 'Expert', reservedSlots: 0 });
    const history = await market.admin.reputation('second');
    expect(history).toMatchObject({ reputation: 115, entries: [{ taskId: id, before: 110, after: 115, delta: 5 }] });
  });

  it('after maxAttempts answers that do not hold the task fails with the last one’s code', async () => {
    const all = [best, second, third];
    const before = all.map((agent) => agent.runs.items.length);
    for (const agent of all) agent.act = fails;
    const task = await market.run({ type: 'doomed', requiredSkills: ['relay'], maxAttempts: 2 });
    expect(task).toMatchObject({ status: 'failed', error: { code: 'AGENT_FAILED' } });
    expect(task.subtasks).toMatchObject([{ status: 'failed', attempt: 2, error: { message: 'out of ideas' } }]);
    const runs = all.reduce((sum, agent, index) => sum + agent.runs.items.length - before[index]!, 0);
    expect(runs).toBe(2);
  });

  it('an agent that hangs is stopped after timeoutMs, has timed out, and loses 10', async () => {
    const { act, aborted } = untilAborted();
    hanger.act = act;
    const { id } = await market.submit({ type: 'hang', requiredSkills: ['hang'], timeoutMs: 200, maxAttempts: 1 });
    expect((await aborted).message).toBe('out of time after 200 ms');
    expect(await market.changes(id, 1)).toMatchObject([
      { outcome: 'timed_out', reason: 'TIMED_OUT', delta: -10, after: 90 },
    ]);
    expect(await market.admin.task(id)).toMatchObject({ status: 'failed', error: { code: 'TIMED_OUT' } });
  });

  it('rubbish costs the agent its attempt and 10, and the market nothing: undefined, a cycle, 10 MB, NaN, a BigInt', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const rubbish: [unknown, RegExp][] = [
      [undefined, /undefined is not a JSON value/],
      [cycle, /a cycle/],
      ['x'.repeat(10 * 1024 * 1024), /10485762 bytes of JSON, more than the 1048576 allowed/],
      [{ rate: NaN }, /NaN is not a JSON number/],
      [[1n], /a BigInt is not a JSON value/],
    ];
    for (const [value, said] of rubbish) {
      dumper.act = () => value;
      const task = await market.run({ type: 'dump', requiredSkills: ['dump'], maxAttempts: 1 });
      expect(task).toMatchObject({ status: 'failed', error: { code: 'AGENT_FAILED' } });
      expect(task.subtasks[0]!.error!.message).toMatch(said);
    }
    dumper.act = () => ({ fine: true });
    const { id } = await market.submit({ type: 'dump', requiredSkills: ['dump'] });
    expect(await market.changes(id, 1)).toMatchObject([{ outcome: 'accepted', before: 50, after: 55 }]);
    expect(await market.admin.readiness()).toMatchObject({ ready: true });
  });

  it('a delivery that breaks its skill’s schema is rejected, and costs 10', async () => {
    await market.admin.putSkill('shaped', { outputSchema: { type: 'object', required: ['title'] } });
    shaper.act = () => ({ name: 'untitled' });
    const { id } = await market.submit({ type: 'shape', requiredSkills: ['shaped'], maxAttempts: 1 });
    expect(await market.changes(id, 1)).toMatchObject([{ outcome: 'rejected', reason: 'SCHEMA_MISMATCH', delta: -10 }]);
    const task = await market.admin.task(id);
    expect(task).toMatchObject({ status: 'failed', error: { code: 'SCHEMA_MISMATCH' } });
    expect(task.subtasks).toMatchObject([{ status: 'rejected', quality: null, qualitySource: null }]);
  });

  it('quality is the weight of the checks that hold: 90 earns 5, over 90 earns 7, and without checks it is absent and earns 5', async () => {
    const check = (name: string, weight: number) => ({ name, expression: `value.${name}`, weight });
    const deliver = async (value: object) => {
      checked.act = () => value;
      const { id } = await market.submit({ type: 'check', requiredSkills: ['checked'] });
      const [change] = await market.changes(id, 1);
      const task = await market.admin.task(id);
      const { quality, qualitySource } = task.subtasks[0]!;
      expect(task.result!.quality).toBe(quality);
      return [quality, qualitySource, change!.quality, change!.delta];
    };
    expect(await deliver({ well: true, better: false })).toEqual([null, null, null, 5]);
    await market.admin.putSkill('checked', { checks: [check('well', 9), check('better', 1)] });
    expect(await deliver({ well: true, better: false })).toEqual([90, 'check', 90, 5]);
    expect(await deliver({ well: true, better: true })).toEqual([100, 'check', 100, 7]);
    await market.admin.putSkill('checked', { checks: [check('well', 91), check('better', 9)] });
    expect(await deliver({ well: true })).toEqual([91, 'check', 91, 7]);
    expect(await deliver({})).toEqual([0, 'check', 0, 5]);
  });

  it('cancelling a task aborts the agent that runs it, and costs it nothing: an entry with delta 0', async () => {
    const { act, aborted } = untilAborted();
    worker.act = act;
    const { id } = await market.submit({ type: 'cancelled', requiredSkills: ['work'] });
    await market.untilType(id, 'subtask.started');
    expect(await market.admin.cancel(id)).toMatchObject({ status: 'cancelled', subtasks: [{ status: 'cancelled' }] });
    expect((await aborted).message).toBe('this attempt counts no more');
    expect(await market.changes(id, 1)).toMatchObject([
      { agentId: 'worker', outcome: 'market_failure', reason: 'CANCELLED', delta: 0, before: 100, after: 100 },
    ]);
    await expect(market.admin.cancel(id)).rejects.toMatchObject({ status: 409, code: 'CONFLICT' });
    expect(await market.admin.agent('worker')).toMatchObject({ reputation: 100, reservedSlots: 0 });
  });

  it('a task whose deadline passes while it runs is expired; its agent is aborted and loses nothing', async () => {
    const { act, aborted } = untilAborted();
    worker.act = act;
    const deadline = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await market.submit({ type: 'expired', requiredSkills: ['work'], deadline });
    await market.untilType(id, 'subtask.started');
    expect(worker.runs.items.at(-1)!.subtask).toMatchObject({ taskId: id, deadline });
    // As an hour later.
    await market.db
      .updateTable('task')
      .set({ deadline: new Date(0) })
      .where('id', '=', id)
      .execute();
    expect(await market.ended(id)).toMatchObject({ status: 'expired', error: { code: 'DEADLINE_PASSED' } });
    await aborted;
    expect(await market.changes(id, 1)).toMatchObject([
      { outcome: 'market_failure', reason: 'DEADLINE_PASSED', delta: 0 },
    ]);
  });

  it('each member answers for its own subtask only: those cut short by another’s failure lose nothing', async () => {
    const { act, aborted } = untilAborted();
    careful.act = act;
    const bothBegan = careful.runs.atLeast(1);
    careless.act = async () => {
      await bothBegan;
      return fails();
    };
    const { id } = await market.submit({ type: 'pair', requiredSkills: ['careful', 'careless'], maxAttempts: 1 });
    const changes = await market.changes(id, 2);
    expect(Object.fromEntries(changes.map((change) => [change.agentId, [change.delta, change.reason]]))).toEqual({
      careful: [0, 'TASK_ENDED'],
      careless: [-10, 'AGENT_FAILED'],
    });
    await aborted;
  });

  it('a late delivery of an old epoch is recorded and ignored: status, result, events and ledger stay', async () => {
    const first = hold('too late');
    lost.act = first.act;
    const { id } = await market.submit({ type: 'lost', requiredSkills: ['lose'] });
    await market.untilType(id, 'subtask.started');
    lost.act = () => 'in time';
    await market.db
      .updateTable('attempt')
      .set({ due_at: new Date(0) })
      .where('task_id', '=', id)
      .execute();
    expect(await market.changes(id, 2)).toMatchObject([
      { outcome: 'market_failure', reason: 'LEASE_LOST', delta: 0 },
      { outcome: 'accepted', delta: 5, before: 100, after: 105 },
    ]);
    const before = await market.admin.task(id);
    const eventsBefore = await market.admin.events(id, { limit: 200 });
    expect(before).toMatchObject({ status: 'completed', subtasks: [{ attempt: 1, epoch: 3, result: 'in time' }] });

    // As a replica would that has not heard of its loss.
    await market.db
      .updateTable('attempt')
      .set((eb) => ({ outcome: 'delivered', value: '"too late"', changes: eb('changes', '+', 1) }))
      .where('subtask_id', '=', `${id}-0`)
      .where('epoch', '=', 1)
      .execute();
    first.release();
    // Settled after it: what was written before has been read by then.
    await market.run({ type: 'later', requiredSkills: ['lose'] });
    const attempts = await market.db
      .selectFrom('attempt')
      .select(['epoch', 'value', 'verdict'])
      .whereRef('seen', '=', 'changes')
      .where('task_id', '=', id)
      .orderBy('epoch')
      .execute();
    expect(attempts).toEqual([
      { epoch: 1, value: 'too late', verdict: 'market_failure' },
      { epoch: 3, value: 'in time', verdict: 'accepted' },
    ]);
    expect(await market.admin.task(id)).toEqual(before);
    expect(await market.admin.events(id, { limit: 200 })).toEqual(eventsBefore);
    const ledger = await market.db.selectFrom('ledger').select('delta').where('task_id', '=', id).execute();
    expect(ledger).toHaveLength(2);
  });
});
