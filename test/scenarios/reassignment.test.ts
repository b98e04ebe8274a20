import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const fails = () => {
  throw new Error('out of ideas');
};

describe.each(TRANSPORTS)('reassignment on %s', (transport) => {
  const first = new Actor({ id: 'first', skills: ['relay'], capacity: 100 }, fails);
  const next = new Actor({ id: 'next', skills: ['relay'], capacity: 2 });
  const greedy = new Actor({ id: 'greedy', skills: ['count'] }, (_subtask, context) => {
    for (let i = 0; i < 3; i++) context.usage({ inputTokens: 1e12, costUsd: 1e300 });
    return 'counted';
  });
  let market: Market;

  beforeAll(async () => {
    market = await startMarket({ transport, agents: [first, next, greedy] });
  });
  afterAll(() => market.stop());

  it('has a receipt of its own, that names the earlier round whose next bidder got it, with that bid’s score', async () => {
    await market.giveReputation('first', 120);
    const task = await market.run({ type: 'relay', requiredSkills: ['relay'] });
    const { rounds } = await market.admin.award(task.id);
    const [held, passedOn] = rounds;
    expect(rounds.map((one) => [one.round, one.outcome])).toEqual([
      [1, 'awarded'],
      [2, 'reassigned'],
    ]);
    const bid = held?.bids.find((one) => one.agentId === 'next');
    expect(passedOn?.bids).toEqual([{ ...bid, rank: 1 }]);
    expect(passedOn?.awards).toEqual([{ subtaskId: `${task.id}-0`, agentId: 'next', epoch: 2, attempt: 2 }]);
    expect(passedOn?.note).toContain('round 1');
    expect(task.team).toMatchObject([{ agentId: 'next', score: bid?.score }]);
  });

  it('gives away free slots only, however many fail at once: an agent of capacity 2 never has more than 2', async () => {
    let running = 0;
    let most = 0;
    next.act = async () => {
      running += 1;
      most = Math.max(most, running);
      await market.admin.agent('next');
      running -= 1;
      return 'done';
    };
    await market.giveReputation('first', 150);
    const tasks = await Promise.all(
      Array.from({ length: 20 }, () => market.run({ type: 'relay', requiredSkills: ['relay'], maxAttempts: 10 })),
    );
    expect(tasks.map((task) => task.status)).toEqual(Array<string>(20).fill('completed'));
    expect(most).toBeLessThanOrEqual(2);
  });

  it('what an agent says it used is bounded, and costs no other agent its report', async () => {
    const task = await market.run({ type: 'count', requiredSkills: ['count'] });
    expect(task).toMatchObject({ status: 'completed', usage: { inputTokens: 1e12, outputTokens: 0, costUsd: 1e12 } });
  });

  it('a change of reputation that was folded and not told, as after a crash in between, is told', async () => {
    const { id, subtasks } = await market.run({ type: 'count', requiredSkills: ['count'] });
    await market.changes(id, 1);
    await market.db.updateTable('ledger').set({ told: false }).where('subtask_id', '=', subtasks[0]!.id).execute();
    const changes = await market.changes(id, 2);
    expect(changes[1]).toEqual(changes[0]);
  });
});
