import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BidDesk } from '../../../src/agents/bidding.ts';
import type { AgentDefinition, Assessment } from '../../../src/contracts/agent-definition.ts';
import { poolReplySchema, type Announcement } from '../../../src/contracts/bid.ts';

const announcement: Announcement = {
  taskId: 'task',
  round: 2,
  type: 'campaign',
  requiredSkills: ['a', 'b'],
  complexity: 'moderate',
  priority: 'normal',
  timeoutMs: 1_000,
};

function agent(id: string, skills: string[], changes: Partial<AgentDefinition> = {}): AgentDefinition {
  return { id, skills, execute: () => null, ...changes };
}

function answer(agents: AgentDefinition[], changes: Partial<Announcement> = {}) {
  return new BidDesk(agents, () => ({ loadPercent: 25, healthy: true })).answer({ ...announcement, ...changes });
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the answer of a process', () => {
  test('has a bid of every agent that shares a skill, and a counted pass of every other', async () => {
    const reply = await answer([agent('ann', ['a']), agent('bob', ['b', 'a']), agent('cyd', ['x'])]);
    expect(reply).toEqual({
      taskId: 'task',
      round: 2,
      bids: [
        { agentId: 'ann', loadPercent: 25 },
        { agentId: 'bob', loadPercent: 25 },
      ],
      passes: [{ agentId: 'cyd', reason: 'NO_SKILL' }],
      passCounts: { NO_SKILL: 1 },
    });
  });

  test('goes by what is registered of an agent, once that has been read', async () => {
    const desk = new BidDesk([agent('ann', ['x']), agent('bob', ['a'])], () => ({ loadPercent: 0, healthy: true }));
    desk.update([{ id: 'ann', skills: ['a'], domains: [] }]);
    const reply = await desk.answer(announcement);
    expect(reply.bids.map((bid) => bid.agentId)).toEqual(['ann', 'bob']);
  });

  test('names the subtask that is auctioned anew', async () => {
    expect(await answer([agent('ann', ['a'])], { subtaskId: 'task-1' })).toMatchObject({ subtaskId: 'task-1' });
  });

  test('has a bid of every agent when no skill is required', async () => {
    const reply = await answer([agent('ann', ['a']), agent('cyd', ['x'])], { requiredSkills: [] });
    expect(reply.bids.map((bid) => bid.agentId)).toEqual(['ann', 'cyd']);
    expect(reply.passCounts).toEqual({});
  });

  test('lists at most 100 passes, those with another reason than NO_SKILL first, and counts all', async () => {
    const strangers = Array.from({ length: 150 }, (_, i) => agent(`stranger-${i}`, ['x']));
    const abroad = Array.from({ length: 3 }, (_, i) => agent(`abroad-${i}`, ['a'], { domains: ['health'] }));
    const reply = await answer([...strangers, ...abroad], { domain: 'retail' });
    expect(reply.passCounts).toEqual({ NO_SKILL: 150, OUT_OF_DOMAIN: 3 });
    expect(reply.passes).toHaveLength(100);
    expect(reply.passes.slice(0, 4).map((pass) => pass.reason)).toEqual([
      'OUT_OF_DOMAIN',
      'OUT_OF_DOMAIN',
      'OUT_OF_DOMAIN',
      'NO_SKILL',
    ]);
    expect(new Set(reply.passes.map((pass) => pass.agentId)).size).toBe(100);
  });

  test('asks only agents that share a skill for their own assessment', async () => {
    const assess = vi.fn(() => ({ bid: true }) as const);
    await answer([agent('ann', ['a'], { assess }), agent('cyd', ['x'], { assess })]);
    expect(assess).toHaveBeenCalledTimes(1);
  });
});

describe('an agent’s own assessment', () => {
  const own = (assess: NonNullable<AgentDefinition['assess']>) => answer([agent('ann', ['a'], { assess })]);

  test('is given the announcement, its own view and the market’s assessment, and takes that one’s place', async () => {
    const assess = vi.fn((): Assessment => ({ bid: false }));
    expect((await own(assess)).passes).toEqual([{ agentId: 'ann', reason: 'DECLINED' }]);
    expect(assess).toHaveBeenCalledWith(announcement, { loadPercent: 25, healthy: true }, { bid: true });
  });

  test('may bid where the market’s would pass', async () => {
    const reply = await answer([agent('ann', ['a'], { domains: ['health'], assess: () => ({ bid: true }) })], {
      domain: 'retail',
    });
    expect(reply.bids).toHaveLength(1);
  });

  test('passes confidence, estimated duration and estimated cost on', async () => {
    const terms = { confidence: 0.8, estimatedMs: 1_200, estimatedCostUsd: 0.02 };
    expect((await own(async () => ({ bid: true, ...terms }))).bids).toEqual([
      { agentId: 'ann', loadPercent: 25, ...terms },
    ]);
  });

  test('may name the reason of its pass', async () => {
    expect((await own(() => ({ bid: false, reason: 'OVERLOADED' }))).passCounts).toEqual({ OVERLOADED: 1 });
  });

  const nonsense: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a text', 'yes'],
    ['an empty object', {}],
    ['a confidence of 2', { bid: true, confidence: 2 }],
    ['a confidence of NaN', { bid: true, confidence: Number.NaN }],
    ['a negative cost', { bid: true, estimatedCostUsd: -1 }],
    ['an endless duration', { bid: true, estimatedMs: Infinity }],
    ['a reason that the market does not know', { bid: false, reason: 'NOT_TODAY' }],
    ['a reason that is no text', { bid: false, reason: 7 }],
  ];
  test.each(nonsense)(
    'that answers %s, at once or later, is a pass as UNHEALTHY, and the reply stays valid',
    async (_what, value) => {
      for (const given of [value, Promise.resolve(value)]) {
        const reply = await own((() => given) as never);
        expect(poolReplySchema.safeParse(reply).error).toBeUndefined();
        expect(reply).toMatchObject({
          bids: [],
          passes: [{ agentId: 'ann', reason: 'UNHEALTHY' }],
          passCounts: { UNHEALTHY: 1 },
        });
      }
    },
  );

  test('that throws, at once or later, is a pass as UNHEALTHY, and the others bid', async () => {
    const throws = () => {
      throw new Error('broken');
    };
    const rejects = () => Promise.reject(new Error('broken'));
    const reply = await answer([
      agent('ann', ['a'], { assess: throws }),
      agent('bob', ['a'], { assess: rejects }),
      agent('cyd', ['a']),
    ]);
    expect(reply.passCounts).toEqual({ UNHEALTHY: 2 });
    expect(reply.bids.map((bid) => bid.agentId)).toEqual(['cyd']);
  });

  test('that takes 100 ms is a pass as UNHEALTHY; one that takes 99 ms stands', async () => {
    const after = (ms: number) => () =>
      new Promise<Assessment>((resolve) => setTimeout(() => resolve({ bid: true }), ms));
    const replying = answer([agent('ann', ['a'], { assess: after(101) }), agent('bob', ['a'], { assess: after(99) })]);
    await vi.advanceTimersByTimeAsync(300);
    const reply = await replying;
    expect(reply.passes).toEqual([{ agentId: 'ann', reason: 'UNHEALTHY' }]);
    expect(reply.bids.map((bid) => bid.agentId)).toEqual(['bob']);
  });

  test('that never ends holds the reply up by 100 ms, also where ten of them do', async () => {
    const never = () => new Promise<Assessment>(() => undefined);
    const agents = Array.from({ length: 10 }, (_, i) => agent(`slow-${i}`, ['a'], { assess: never }));
    let reply: Awaited<ReturnType<typeof answer>> | undefined;
    void answer(agents).then((one) => (reply = one));
    await vi.advanceTimersByTimeAsync(100);
    expect(reply?.passCounts).toEqual({ UNHEALTHY: 10 });
  });
});

test('an agent that changes the announcement it was given changes nobody else’s, and not the reply', async () => {
  const vandal = agent('vandal', ['a'], {
    assess: (given) => {
      Object.assign(given, { taskId: 'another', round: 77 });
      given.requiredSkills.length = 0;
      return { bid: true };
    },
  });
  const reply = await answer([vandal, agent('good', ['a'])]);
  expect(reply).toMatchObject({ taskId: announcement.taskId, round: announcement.round });
  expect(reply.bids.map((bid) => bid.agentId)).toEqual(['vandal', 'good']);
});

test('an assessment is read once: terms that change when they are read again are as they were first', async () => {
  let reads = 0;
  const shifty = agent('shifty', ['a'], {
    assess: () => ({
      bid: true,
      get confidence() {
        reads += 1;
        return reads > 1 ? Number.NaN : 0.5;
      },
    }),
  });
  const reply = await answer([shifty, agent('good', ['a'])]);
  expect(reply.bids).toMatchObject([{ agentId: 'shifty', confidence: 0.5 }, { agentId: 'good' }]);
});
