import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInAgents } from '../../src/agents/builtin/index.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const skills = builtInAgents.flatMap((agent) => agent.skills.map((skill) => [skill, agent.id] as const));

describe.each(TRANSPORTS)('a market with the built-in agents on %s', (transport) => {
  let market: Market;
  beforeAll(async () => {
    market = await startMarket({ transport });
  });
  afterAll(() => market.stop());

  it.each(skills)('completes a task that requires %s and brings no data: %s does it', async (skill, agentId) => {
    const task = await market.run({ type: 'sample', requiredSkills: [skill] });
    expect(task).toMatchObject({ status: 'completed', team: [{ agentId }], result: { success: true } });
    expect(task.result!.sections[skill]).toMatchObject({ method: 'rule-based' });
    const [subtask] = task.subtasks;
    expect(subtask).toMatchObject({ status: 'accepted', attempt: 1, qualitySource: 'check' });
  });
});
