import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { TaskEvent } from '../../src/contracts/events.ts';
import { Actor, hold } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

describe.each(TRANSPORTS)('pools and processes on %s', (transport) => {
  let market: Market;
  const start = async (agents: Actor[] = []) => {
    market = await startMarket({ transport, agents });
  };
  afterEach(() => market.stop());

  it('two replicas of one pool share its work, and its capacity counts once for each', async () => {
    const held = hold();
    const replicas = [1, 2].map(() => new Actor({ id: 'shared', skills: ['share'], capacity: 1 }, held.act));
    await start();
    for (const replica of replicas) await market.join('twins', [replica]);
    const tasks = [
      await market.submit({ type: 'one', requiredSkills: ['share'] }),
      await market.submit({ type: 'two', requiredSkills: ['share'] }),
    ];
    for (const { id } of tasks) await market.untilType(id, 'subtask.started');
    expect(replicas.map((replica) => replica.runs.items.length)).toEqual([1, 1]);
    expect(await market.admin.agent('shared')).toMatchObject({
      pool: 'twins',
      reservedSlots: 2,
      loadPercent: 100,
      replicas: [{ healthy: true }, { healthy: true }],
    });
    held.release();
    for (const { id } of tasks) expect(await market.ended(id)).toMatchObject({ status: 'completed' });
  });

  it('a pool is refused at its start, by name, with agents that another live pool serves or that were retired', async () => {
    await start([new Actor({ id: 'taken', skills: ['work'] })]);
    await market.admin.registerAgent({ id: 'gone', skills: ['work'] });
    await market.admin.retireAgent('gone');
    const agents = ['mine', 'taken', 'gone'].map((id) => new Actor({ id, skills: ['other'] }));
    await expect(market.join('second', agents)).rejects.toMatchObject({
      code: 'CONFLICT',
      message:
        'Pool "second" cannot join: agent "gone" was retired; register it again with POST /v1/agents; ' +
        'agent "taken" is served by the live pool "taken"; rename the agent or stop that pool.',
    });
    const agentIds = (await market.admin.agents()).items.map(({ id, skills }) => [id, skills]);
    expect(agentIds).toEqual([['taken', ['work']]]);
  });

  it('a pool is refused at its start with two agents of one id, and with an agent that is not well defined, by what is wrong', async () => {
    await start();
    const doubled = [new Actor({ id: 'double', skills: ['a'] }), new Actor({ id: 'DOUBLE', skills: ['b'] })];
    await expect(market.join('doubled', doubled)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'Two agents have the same id: double. Ids are unique in the market.',
    });
    const wrong = [new Actor({ id: 'no good', skills: [] })];
    const refusal = { code: 'INVALID_REQUEST', errors: [{ path: 'id' }, { path: 'skills' }] };
    await expect(market.join('wrong', wrong)).rejects.toMatchObject(refusal);
    await expect(createApp(readConfig({}), { agents: wrong })).rejects.toMatchObject(refusal);
    expect((await market.admin.agents()).items).toEqual([]);
  });

  it('a pool that leaves finishes what it runs; what waits for it goes on when it is back', async () => {
    const held = hold();
    const first = new Actor({ id: 'shift', skills: ['shift'] }, held.act);
    await start();
    const pool = await market.join('shift', [first]);
    const running = await market.submit({ type: 'early', requiredSkills: ['shift'] });
    await market.untilType(running.id, 'subtask.started');
    const left = pool.stop();
    held.release();
    await left;
    expect(await market.ended(running.id)).toMatchObject({ status: 'completed' });
    const waiting = await market.submit({ type: 'late', requiredSkills: ['shift'], biddingTimeMs: 100 });
    await market.untilType(waiting.id, 'task.announced');
    await market.join('shift', [new Actor({ id: 'shift', skills: ['shift'] })]);
    expect(await market.ended(waiting.id)).toMatchObject({ status: 'completed', team: [{ agentId: 'shift' }] });
  });

  it('a watch goes on across a restart of the server: every event once, in seq order, and afterSeq gives the rest', async () => {
    await start();
    const { id } = await market.submit({ type: 'patient', requiredSkills: ['late'], biddingTimeMs: 600_000 });
    const seen: TaskEvent[] = [];
    const announced = Promise.withResolvers<undefined>();
    const watching = (async () => {
      for await (const event of market.admin.watch(id)) {
        seen.push(event);
        if (event.type === 'task.announced') announced.resolve(undefined);
      }
    })();
    await announced.promise;
    await market.stopServer();
    await expect(market.admin.health()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await market.startServer();
    await market.join('late', [new Actor({ id: 'late', skills: ['late'] })]);
    await watching;
    const stored = (await market.admin.events(id, { limit: 200 })).items;
    expect(seen).toEqual(stored.slice(0, seen.length));
    expect(seen.at(-1)!.type).toBe('task.completed');
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => index + 1));
    const rest = [];
    for await (const event of market.admin.watch(id, { afterSeq: 3 })) rest.push(event);
    expect(rest).toEqual(seen.slice(3));
  });
});
