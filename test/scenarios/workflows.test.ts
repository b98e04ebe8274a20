import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

describe.each(TRANSPORTS)('workflows of steps on %s', (transport) => {
  const finder = new Actor({ id: 'finder', skills: ['find'] });
  const writer = new Actor({ id: 'writer', skills: ['write'] });
  let market: Market;

  beforeAll(async () => {
    market = await startMarket({ transport, agents: [finder, writer] });
  });
  afterAll(() => market.stop());

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
    expect(submitted.subtasks).toMatchObject([
      { stepId: 'text', dependsOn: ['facts'], waitsFor: ['facts'] },
      { stepId: 'facts', dependsOn: [] },
    ]);
    const task = await market.ended(submitted.id);
    expect(task.error).toBeUndefined();
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
    const [text_, facts_] = task.subtasks;
    expect(Date.parse(text_!.startedAt!)).toBeGreaterThanOrEqual(Date.parse(facts_!.finishedAt!));
    const { rounds } = await market.admin.award(task.id);
    expect(rounds.map((round) => [round.subtaskId, round.awards[0]?.agentId])).toEqual([
      [`${task.id}-1`, 'finder'],
      [`${task.id}-0`, 'writer'],
    ]);
  });
});
