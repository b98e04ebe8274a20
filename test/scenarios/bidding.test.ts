import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReceiptRound } from '../../src/contracts/award.ts';
import { hash53 } from '../../src/util/hash.ts';
import { Actor, hold } from '../support/actor.ts';
import { Inbox } from '../support/inbox.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

describe.each(TRANSPORTS)('bidding on %s', (transport) => {
  const healthAsked = new Inbox<void>();
  const busy = new Actor({ id: 'busy', skills: ['edit', 'occupy'], capacity: 1 });
  const veteran = new Actor({ id: 'veteran', skills: ['score', 'score_more', 'score_most'] });
  const loaded = new Actor({ id: 'loaded', skills: ['even_a', 'even_b', 'even_c'], capacity: 2 });
  const solo = new Actor({ id: 'solo', skills: ['solo'], capacity: 1 });
  const single = new Actor({ id: 'single', skills: ['queue'], capacity: 1 });
  const leaving = new Actor({ id: 'leaving', skills: ['shift'] });
  const twins = ['twin-a', 'twin-b', 'twin-c', 'twin-d', 'twin-e'].map((id) => new Actor({ id, skills: ['twin'] }));
  const agents = [
    busy,
    veteran,
    loaded,
    solo,
    single,
    leaving,
    ...twins,
    new Actor({ id: 'able', skills: ['edit'] }),
    new Actor({ id: 'foreign', skills: ['edit'], domains: ['law'] }),
    new Actor({
      id: 'sick',
      skills: ['edit'],
      health: () => {
        healthAsked.add();
        return false;
      },
    }),
    new Actor({ id: 'novice', skills: ['score'] }),
    new Actor({ id: 'star', skills: ['score', 'shine'] }),
    new Actor({ id: 'free', skills: ['even_a', 'even_b', 'even_c', 'even_d'] }),
    new Actor({ id: 'half', skills: ['cover_a'] }),
    new Actor({ id: 'whole', skills: ['cover_a', 'cover_b'] }),
    new Actor({ id: 'resting', skills: ['shift'] }),
    new Actor({ id: 'working', skills: ['shift'] }),
  ];
  let market: Market;

  beforeAll(async () => {
    market = await startMarket({ transport, agents, env: { LEASE_MS: '6000' } });
  });
  afterAll(() => market.stop());

  const rounds = async (taskId: string): Promise<ReceiptRound[]> => (await market.admin.award(taskId)).rounds;
  const lastRound = async (taskId: string): Promise<ReceiptRound> => (await rounds(taskId)).at(-1)!;

  /** Keeps a slot of the agent reserved until the hold is released. */
  async function occupy(agent: Actor, skill: string) {
    const held = hold();
    const before = agent.act;
    agent.act = held.act;
    const { id } = await market.submit({ type: 'occupy', requiredSkills: [skill] });
    await market.untilType(id, 'subtask.started');
    agent.act = before;
    return async () => {
      held.release();
      await market.ended(id);
    };
  }

  it('an agent passes for the first rule that fails: NO_SKILL, UNHEALTHY, OVERLOADED or OUT_OF_DOMAIN', async () => {
    // Asked a second time, the pool has done with the first answer.
    await healthAsked.atLeast(2);
    const free = await occupy(busy, 'occupy');
    const task = await market.run({ type: 'article', requiredSkills: ['edit'], domain: 'shop' });
    const round = await lastRound(task.id);
    expect(round.bids.map((bid) => bid.agentId)).toEqual(['able']);
    expect(round.passes).toHaveLength(agents.length - 1);
    expect(round.passes).toEqual(
      expect.arrayContaining([
        { agentId: 'novice', reason: 'NO_SKILL' },
        { agentId: 'sick', reason: 'UNHEALTHY' },
        { agentId: 'busy', reason: 'OVERLOADED' },
        { agentId: 'foreign', reason: 'OUT_OF_DOMAIN' },
      ]),
    );
    const others = agents.filter((agent) => !agent.skills.includes('edit')).length;
    expect(round.passCounts).toEqual({ NO_SKILL: others, UNHEALTHY: 1, OVERLOADED: 1, OUT_OF_DOMAIN: 1 });
    await free();
  });

  it('the score is 0.4 × reputation + 0.4 × skillMatch + 0.2 × (100 − loadPercent), and ranks; of equal scores the higher reputation is first', async () => {
    await market.giveReputation('veteran', 120);
    await market.giveReputation('star', 150);
    const free = await occupy(veteran, 'score_most');
    const task = await market.run({ type: 'match', requiredSkills: ['score'] });
    const round = await lastRound(task.id);
    expect(round).toMatchObject({ policy: 'weighted', weights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 } });
    const shown = round.bids.map(({ agentId, reputation, skillMatch, loadPercent, parts, score, rank }) => ({
      agentId,
      inputs: [reputation, skillMatch, loadPercent],
      parts: [parts.reputation, parts.skillMatch, parts.load],
      score,
      rank,
    }));
    expect(shown).toEqual([
      // one of two skills is asked for: 50; 60 + 20 + 20
      { agentId: 'star', inputs: [150, 50, 0], parts: [60, 20, 20], score: 100, rank: 1 },
      // 40 + 40 + 20: equal, but of lower reputation
      { agentId: 'novice', inputs: [100, 100, 0], parts: [40, 40, 20], score: 100, rank: 2 },
      // one of three skills; one of four slots reserved: 48 + 13.333333 + 15
      {
        agentId: 'veteran',
        inputs: [120, expect.closeTo(100 / 3, 6) as number, 25],
        parts: [48, 13.333333, 15],
        score: 76.333333,
        rank: 3,
      },
    ]);
    expect(task.team).toMatchObject([{ agentId: 'star', score: 100 }]);
    await free();
  });

  it('of equal scores and reputations the lower load is first', async () => {
    const free = await occupy(loaded, 'even_a');
    const task = await market.run({
      type: 'even',
      complexity: 'simple',
      requiredSkills: ['even_a', 'even_b', 'even_c'],
    });
    const { bids } = await lastRound(task.id);
    expect(
      bids.map(({ agentId, reputation, loadPercent, score }) => [agentId, reputation, loadPercent, score]),
    ).toEqual([
      ['free', 100, 0, 90],
      ['loaded', 100, 50, 90],
    ]);
    await free();
  });

  it('of agents equal in score, reputation and load the smaller hash of task and agent is first', async () => {
    const task = await market.run({ type: 'toss', requiredSkills: ['twin'] });
    const { bids, tieRule } = await lastRound(task.id);
    const byHash = twins
      .map(({ id }) => ({ id, hash: hash53(`${task.id}:${id}`) }))
      .sort((a, b) => a.hash - b.hash)
      .map(({ id }) => id);
    expect(bids.map((bid) => bid.agentId)).toEqual(byHash);
    expect(new Set(bids.map((bid) => bid.score))).toEqual(new Set([100]));
    expect(tieRule).toContain('hash');
  });

  it('a task that requires no skill interests every agent, with a skillMatch of 50', async () => {
    const task = await market.run({ type: 'anything' });
    const { bids, passes } = await lastRound(task.id);
    expect(bids).toHaveLength(agents.length - 1);
    expect(passes).toEqual([{ agentId: 'sick', reason: 'UNHEALTHY' }]);
    for (const bid of bids) expect([bid.skillMatch, bid.parts.skillMatch]).toEqual([50, 20]);
    expect(task.subtasks).toMatchObject([{ skill: null, skills: [], status: 'accepted' }]);
    expect(Object.keys(task.result!.sections)).toEqual(['anything']);
  });

  it('a simple task goes to the best bid that covers all its skills, as one subtask, whoever ranks above it', async () => {
    await market.giveReputation('half', 150);
    await market.giveReputation('whole', 90);
    const task = await market.run({ type: 'cover', complexity: 'simple', requiredSkills: ['cover_a', 'cover_b'] });
    const { bids } = await lastRound(task.id);
    expect(bids.map(({ agentId, score }) => [agentId, score])).toEqual([
      ['half', 100],
      ['whole', 96],
    ]);
    expect(task.subtasks).toMatchObject([{ id: `${task.id}-0`, agentId: 'whole', skills: ['cover_a', 'cover_b'] }]);
  });

  it('an agent at 80 % of its capacity passes as OVERLOADED: the task waits, and goes to it when it is free again', async () => {
    const free = await occupy(solo, 'solo');
    const { id } = await market.submit({ type: 'patient', requiredSkills: ['solo'], biddingTimeMs: 100 });
    await market.untilType(id, 'bids.received');
    expect((await market.admin.task(id)).status).toBe('announced');
    expect(solo.runs.items).toHaveLength(1);
    await free();
    expect(await market.ended(id)).toMatchObject({ status: 'completed', team: [{ agentId: 'solo' }] });
    const [first, ...rest] = await rounds(id);
    expect(first).toMatchObject({
      outcome: 'waiting',
      bids: [],
      passCounts: { OVERLOADED: 1 },
      uncoveredSkills: ['solo'],
    });
    expect(first!.passes).toContainEqual({ agentId: 'solo', reason: 'OVERLOADED' });
    expect(rest.at(-1)).toMatchObject({ outcome: 'awarded', awards: [{ agentId: 'solo', epoch: 1, attempt: 1 }] });
  });

  it('what waits for one slot is done in the order of priority: critical, high, normal, low', async () => {
    const free = await occupy(single, 'queue');
    const priorities = ['low', 'normal', 'critical', 'high'] as const;
    const waiting = [];
    for (const priority of priorities) {
      const { id } = await market.submit({ type: 'queued', requiredSkills: ['queue'], priority, data: { priority } });
      await market.untilType(id, 'bids.received');
      waiting.push(id);
    }
    // As after 0.5 s: its own back-off must not bring the least urgent to the front.
    await market.db
      .updateTable('opening')
      .set({ due_at: new Date(0) })
      .where('task_id', '=', waiting[0]!)
      .execute();
    await free();
    await Promise.all(waiting.map((id) => market.ended(id)));
    const order = single.runs.items.slice(1).map(({ subtask }) => subtask.data['priority']);
    expect(order).toEqual(['critical', 'high', 'normal', 'low']);
  });

  it('a suspended and a draining agent get no work, whatever they bid; what runs already may end', async () => {
    await market.giveReputation('leaving', 150);
    const finishLast = await occupy(leaving, 'shift');
    await market.giveReputation('resting', 130);
    await market.admin.changeAgent('leaving', { status: 'draining' });
    await market.admin.changeAgent('resting', { status: 'suspended' });
    const task = await market.run({ type: 'shift', requiredSkills: ['shift'] });
    expect(task.team).toMatchObject([{ agentId: 'working' }]);
    const { bids } = await lastRound(task.id);
    expect(bids.map(({ agentId, rank, refused }) => [agentId, rank, refused])).toEqual([
      ['working', 1, undefined],
      ['leaving', 2, 'NOT_ACTIVE'],
      ['resting', 3, 'NOT_ACTIVE'],
    ]);
    await finishLast();
    expect((await market.admin.reputation('leaving')).entries.map((entry) => entry.outcome)).toEqual(['accepted']);
  });
});
