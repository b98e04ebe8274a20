import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentMessage, ExecutionContext } from '../../src/contracts/agent-definition.ts';
import type { EventType, TaskEvent } from '../../src/contracts/events.ts';
import { Actor } from '../support/actor.ts';
import { Inbox } from '../support/inbox.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const ofType = (events: TaskEvent[], type: EventType) => events.filter((event) => event.type === type);

describe.each(TRANSPORTS)('teams on %s', (transport) => {
  const heard = new Inbox<AgentMessage>();
  const red = new Actor({ id: 'red', skills: ['red'] });
  const green = new Actor({ id: 'green', skills: ['green'] });
  const blue = new Actor({ id: 'blue', skills: ['blue'] });
  const cheap = new Actor({ id: 'cheap', skills: ['price'] });
  const cheaper = new Actor({ id: 'cheaper', skills: ['price'] });
  const planner = new Actor({ id: 'planner', skills: ['plan'] }, () => ({ limit: 100 }));
  const spender = new Actor({ id: 'spender', skills: ['spend'] }, () => ({ cost: 200 }));
  const clumsy = new Actor({ id: 'clumsy', skills: ['clumsy'] }, () => {
    throw new Error('dropped it');
  });
  const asker = new Actor({ id: 'asker', skills: ['ask'] });
  const teller = new Actor({
    id: 'teller',
    skills: ['tell'],
    onMessage: (message) => {
      heard.add(message);
      if (message.topic === 'fail') throw new Error('do not know');
      return message.topic === 'never' ? new Promise(() => undefined) : { rate: 0.25, for: message.data };
    },
  });
  const agents = [
    ...[red, green, blue, cheap, cheaper, planner, spender, clumsy, asker, teller],
    new Actor({ id: 'first-two', skills: ['p', 'q'] }),
    new Actor({ id: 'first-third', skills: ['p', 'r'] }),
    new Actor({ id: 'second-fourth', skills: ['q', 's'] }),
    new Actor({ id: 'present', skills: ['present'] }),
  ];
  let market: Market;

  beforeAll(async () => {
    market = await startMarket({ transport, agents });
  });
  afterAll(() => market.stop());

  it('a team of three works in parallel: all three have started before any is finished', async () => {
    const allHere = Promise.withResolvers<undefined>();
    let here = 0;
    for (const member of [red, green, blue]) {
      member.act = async () => {
        here += 1;
        if (here === 3) allHere.resolve(undefined);
        await allHere.promise;
        return { from: member.id };
      };
    }
    const { id } = await market.submit({ type: 'flag', requiredSkills: ['red', 'green', 'blue'], data: { size: 7 } });
    const task = await market.ended(id);
    expect(task).toMatchObject({ status: 'completed', complexity: 'moderate', maxTeamSize: 3 });
    expect(task.subtasks.map((subtask) => [subtask.id, subtask.skill, subtask.agentId])).toEqual([
      [`${id}-0`, 'red', 'red'],
      [`${id}-1`, 'green', 'green'],
      [`${id}-2`, 'blue', 'blue'],
    ]);
    const [run] = green.runs.items;
    expect(run!.subtask).toMatchObject({ id: `${id}-1`, skill: 'green', skills: ['green'], data: { size: 7 } });
    expect(run!.subtask.team.toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))).toEqual([
      { agentId: 'blue', skills: ['blue'] },
      { agentId: 'red', skills: ['red'] },
    ]);
    const result = task.result!;
    expect(result).toMatchObject({ taskId: id, success: true, warnings: [], quality: null });
    expect(result.contributors.toSorted()).toEqual(['blue', 'green', 'red']);
    expect(result.sections).toEqual({ red: { from: 'red' }, green: { from: 'green' }, blue: { from: 'blue' } });
    const startsMs = task.subtasks.map((subtask) => Date.parse(subtask.startedAt!));
    const finishesMs = task.subtasks.map((subtask) => Date.parse(subtask.finishedAt!));
    expect(Math.max(...startsMs)).toBeLessThanOrEqual(Math.min(...finishesMs));
    expect(result.durationMs).toBe(Math.max(...finishesMs) - Math.min(...startsMs));
    expect(result.sequentialMs).toBe(finishesMs.reduce((sum, ms, index) => sum + ms - startsMs[index]!, 0));
  });

  it('a member whose skills the others cover is dropped again, worst rank first: greed alone is not minimal', async () => {
    await market.giveReputation('first-two', 150);
    await market.giveReputation('first-third', 120);
    const task = await market.run({ type: 'prune', requiredSkills: ['p', 'q', 'r', 's'] });
    const [round] = (await market.admin.award(task.id)).rounds;
    expect(round!.teamSteps).toEqual([
      { agentId: 'first-two', action: 'take', skills: ['p', 'q'] },
      { agentId: 'first-third', action: 'take', skills: ['r'] },
      { agentId: 'second-fourth', action: 'take', skills: ['s'] },
      { agentId: 'first-two', action: 'drop', skills: ['p', 'q'] },
    ]);
    expect(task.complexity).toBe('complex');
    expect(task.team.map(({ agentId, skills }) => [agentId, skills])).toEqual([
      ['first-third', ['p', 'r']],
      ['second-fourth', ['q', 's']],
    ]);
  });

  it('a skill that no active agent has is announced again, and after biddingTimeMs fails as NO_CAPABLE_AGENTS naming it, with nothing started', async () => {
    const task = await market.run({ type: 'rare', requiredSkills: ['present', 'unheard_of'], biddingTimeMs: 300 });
    expect(task).toMatchObject({ status: 'failed', team: [], subtasks: [] });
    expect(task.error).toMatchObject({ code: 'NO_CAPABLE_AGENTS', uncoveredSkills: ['unheard_of'] });
    const { rounds } = await market.admin.award(task.id);
    expect(rounds.map((round) => round.round)).toEqual(rounds.map((_, index) => index + 1));
    expect(rounds.map((round) => round.outcome)).toEqual([...rounds.slice(1).map(() => 'announced_again'), 'failed']);
    expect(rounds.length).toBeGreaterThan(1);
    expect(rounds[0]).toMatchObject({ bids: [{ agentId: 'present' }], uncoveredSkills: ['unheard_of'], awards: [] });
  });

  it('a pool that joins later wakes the task that waits for its skill', async () => {
    const { id } = await market.submit({ type: 'late', requiredSkills: ['late'], biddingTimeMs: 600_000 });
    await market.untilType(id, 'bids.received');
    await market.join('late-pool', [new Actor({ id: 'latecomer', skills: ['late'] })]);
    expect(await market.ended(id)).toMatchObject({ status: 'completed', team: [{ agentId: 'latecomer' }] });
  });

  it('biddingTimeMs does not count while a registered agent has the skill, though no process serves it yet', async () => {
    await market.admin.registerAgent({ id: 'absent', skills: ['absent'] });
    const { id } = await market.submit({ type: 'absent', requiredSkills: ['absent'], biddingTimeMs: 100 });
    await market.untilType(id, 'bids.received');
    await market.join('absent-pool', [new Actor({ id: 'absent', skills: ['absent'] })]);
    expect(await market.ended(id)).toMatchObject({ status: 'completed', team: [{ agentId: 'absent' }] });
    const { rounds } = await market.admin.award(id);
    expect(rounds[0]).toMatchObject({ outcome: 'waiting', bids: [] });
  });

  it('with allowPartial a task begins without the skills that nobody has; its result is no success and says so', async () => {
    const task = await market.run({
      type: 'partial',
      requiredSkills: ['present', 'unheard_of'],
      allowPartial: true,
      biddingTimeMs: 100,
    });
    expect(task).toMatchObject({ status: 'completed', result: { success: false, contributors: ['present'] } });
    expect(Object.keys(task.result!.sections)).toEqual(['present']);
    expect(task.warnings).toMatchObject([{ rule: 'coverage' }]);
    expect(task.result!.warnings).toEqual(task.warnings);
  });

  it('with allowPartial a subtask that failed for good leaves the others’ work standing, and a warning says why; without it the task fails', async () => {
    const wanted = { type: 'half', requiredSkills: ['present', 'clumsy'], maxAttempts: 1 };
    const partial = await market.run({ ...wanted, allowPartial: true });
    expect(partial).toMatchObject({ status: 'completed', result: { success: false, contributors: ['present'] } });
    expect(partial.subtasks.map((subtask) => subtask.status)).toEqual(['accepted', 'failed']);
    expect(partial.result!.warnings).toEqual([
      { rule: 'parts', message: 'Ended without them (allowPartial). clumsy: dropped it', blame: [] },
    ]);
    const whole = await market.run(wanted);
    expect(whole).toMatchObject({ status: 'failed', error: { code: 'AGENT_FAILED' } });
    expect(whole.result).toBeUndefined();
  });

  it('a broken rule of severity reject is blamed on the subtask it names, which another agent tries again', async () => {
    const price: Actor['act'] = (_subtask, { attempt }) => ({ cost: attempt === 1 ? 101 : 100 });
    cheap.act = price;
    cheaper.act = price;
    await market.giveReputation('cheap', 101);
    const { id } = await market.submit({
      type: 'offer',
      requiredSkills: ['price', 'plan'],
      rules: [
        {
          name: 'within the limit',
          expression: 'deliveries.price.cost <= deliveries.plan.limit',
          severity: 'reject',
          blame: ['price'],
        },
      ],
    });
    const changes = await market.changes(id, 3);
    const task = await market.admin.task(id);
    expect(task).toMatchObject({ status: 'completed', result: { success: true, warnings: [] } });
    expect(task.result!.sections).toEqual({ price: { cost: 100 }, plan: { limit: 100 } });
    expect(task.subtasks.map(({ agentId, attempt, epoch }) => [agentId, attempt, epoch])).toEqual([
      ['cheaper', 2, 2],
      ['planner', 1, 1],
    ]);
    expect(planner.runs.items).toHaveLength(1);
    const said = changes.map(({ agentId, outcome, delta, reason }) => [agentId, outcome, delta, reason]);
    expect(said.toSorted()).toEqual([
      ['cheap', 'rejected', -10, 'RULE_BROKEN'],
      ['cheaper', 'accepted', 5, null],
      ['planner', 'accepted', 5, null],
    ]);
    const { items: events } = await market.admin.events(id, { limit: 200 });
    expect(ofType(events, 'task.synthesizing')).toHaveLength(2);
    expect(ofType(events, 'subtask.reassigned').map((event) => event.data)).toMatchObject([
      { subtaskId: `${id}-0`, from: 'cheap', to: 'cheaper', reason: 'RULE_BROKEN' },
    ]);
  });

  it('a broken rule of severity warn is a validation.warning and stands in the result, which is a success', async () => {
    const { id } = await market.submit({
      type: 'splurge',
      requiredSkills: ['spend', 'plan'],
      rules: [
        { name: 'within the limit', expression: 'deliveries.spend.cost <= deliveries.plan.limit', severity: 'warn' },
        { name: 'names what is absent', expression: 'deliveries.nobody.cost = 1', severity: 'warn' },
      ],
    });
    const events = await market.untilType(id, 'task.completed');
    const task = await market.admin.task(id);
    const warning = { rule: 'within the limit', blame: ['spend', 'plan'] };
    expect(ofType(events, 'validation.warning').map((event) => event.data)).toMatchObject([warning]);
    expect(task.result).toMatchObject({ success: true, warnings: [warning] });
    expect(task.warnings).toEqual(task.result!.warnings);
    expect(task.warnings[0]!.message).toContain('deliveries.spend.cost = 200, deliveries.plan.limit = 100');
  });

  it('an agent asks another and gets its answer, or is told why not; each message and each answer is kept, and told as message.sent', async () => {
    const code = (asked: Promise<unknown>) => asked.catch((error: unknown) => (error as { code?: unknown }).code);
    asker.act = async (_subtask, context) => ({
      answer: await context.ask('teller', 'rates', { segment: 'a' }),
      failed: await code(context.ask('teller', 'fail', null)),
      late: await code(context.ask('teller', 'never', null, { timeoutMs: 50 })),
      unknown: await code(context.ask('nobody-at-all', 'rates', null)),
      mute: await code(context.ask('present', 'rates', null)),
    });
    const { id } = await market.submit({ type: 'talk', requiredSkills: ['ask', 'tell'], data: { secret: 1 } });
    await market.untilType(id, 'task.completed');
    const task = await market.admin.task(id);
    expect(task.result!.sections['ask']).toEqual({
      answer: { rate: 0.25, for: { segment: 'a' } },
      failed: 'ASK_FAILED',
      late: 'ASK_TIMED_OUT',
      unknown: 'AGENT_NOT_FOUND',
      mute: 'ASK_FAILED',
    });
    expect(heard.items[0]).toMatchObject({
      taskId: id,
      from: 'asker',
      to: 'teller',
      topic: 'rates',
      data: { segment: 'a' },
    });
    const events = await market.until(id, (all) => ofType(all, 'message.sent').length === 5);
    expect(ofType(events, 'message.sent').map((event) => event.data)).toEqual(
      [
        ['asker', 'teller', 'rates'],
        ['teller', 'asker', 'rates'],
        ['asker', 'teller', 'fail'],
        ['asker', 'teller', 'never'],
        ['asker', 'present', 'rates'],
      ].map(([from, to, topic]) => ({ from, to, topic, subtaskId: `${id}-0` })),
    );
    const { items: kept } = await market.admin.messages(id);
    expect(kept.slice(0, 2)).toMatchObject([
      { from: 'asker', to: 'teller', topic: 'rates', data: { segment: 'a' } },
      { from: 'teller', to: 'asker', topic: 'rates', data: { rate: 0.25, for: { segment: 'a' } } },
    ]);
  });

  it('what an agent publishes every other member of its team hears, and nobody else', async () => {
    const already = heard.items.length;
    const told = Promise.withResolvers<ExecutionContext>();
    asker.act = async (_subtask, context) => {
      context.publish('news', { price: 3 });
      await heard.including((message) => message.topic === 'news');
      told.resolve(context);
      return 'told';
    };
    teller.act = async () => {
      await told.promise;
      return 'heard';
    };
    const { id } = await market.submit({ type: 'news', requiredSkills: ['ask', 'tell'] });
    await market.untilType(id, 'task.completed');
    expect(heard.items.slice(already)).toMatchObject([
      { taskId: id, from: 'asker', to: null, topic: 'news', data: { price: 3 } },
    ]);
    const events = await market.until(id, (all) => ofType(all, 'message.sent').length === 1);
    expect(ofType(events, 'message.sent')[0]!.data).toEqual({
      from: 'asker',
      to: null,
      topic: 'news',
      subtaskId: `${id}-0`,
    });
  });
});
