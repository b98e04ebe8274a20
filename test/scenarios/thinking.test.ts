import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedModelServer } from '../../src/agents/thinking/scripted-model-server.ts';
import { startMarket, type Market } from '../support/market.ts';
import { writerOn } from '../support/thinking.ts';

describe('a thinking agent in the market', () => {
  let market: Market;
  let model: ScriptedModelServer;
  beforeAll(async () => {
    model = await ScriptedModelServer.start(() => ({ text: '{"greeting": "Good day"}' }));
    market = await startMarket({ transport: 'PostgreSQL', agents: [writerOn(model)] });
  });
  afterAll(async () => {
    await market.stop();
    await model.stop();
  });

  it('bids, thinks and delivers; the record says what made it and what it used', async () => {
    const task = await market.run({ type: 'letter', description: 'Greet Ada.', requiredSkills: ['writing'] });
    expect(task).toMatchObject({
      status: 'completed',
      team: [{ agentId: 'writer' }],
      result: { success: true, sections: { writing: { greeting: 'Good day' } } },
      subtasks: [{ madeBy: { method: 'model', model: 'scripted', unpriced: true, estimated: false } }],
    });
    expect(task.usage.inputTokens).toBeGreaterThan(0);
    expect(task.usage.outputTokens).toBeGreaterThan(0);
    expect(task.usage.costUsd).toBe(0);
  });
});
