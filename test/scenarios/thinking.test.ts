import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ScriptedModelServer } from '../../src/agents/thinking/scripted-model-server.ts';
import { bestBidder } from '../../src/agents/tools/tool-result.ts';
import type { HandoffEntry } from '../../src/contracts/handoff.ts';
import { Actor } from '../support/actor.ts';
import { startMarket, TRANSPORTS, type Market } from '../support/market.ts';
import { toolAnswers, toolNames, writerOn } from '../support/thinking.ts';

const text = (delivery: object) => ({ text: JSON.stringify(delivery) });

describe.each(TRANSPORTS)('a thinking agent in the market on %s', (transport) => {
  let market: Market;
  let model: ScriptedModelServer;
  const lawyer = new Actor({ id: 'lawyer', skills: ['law'] });
  const spender = new Actor({ id: 'spender', skills: ['spending'] });
  const saver = new Actor({ id: 'saver', skills: ['saving'] });

  beforeAll(async () => {
    model = await ScriptedModelServer.start(() => text({ greeting: 'Good day' }));
    market = await startMarket({
      transport,
      agents: [writerOn(model, { handoffs: [bestBidder('law')], publishedTools: 'all' }), lawyer, spender, saver],
    });
  });
  afterAll(async () => {
    await market.stop();
    await model.stop();
  });
  afterEach(() => {
    model.script = () => text({ greeting: 'Good day' });
    model.requests.splice(0);
  });

  it('bids, thinks and delivers; the record says what made it and what it used', async () => {
    const task = await market.run({ type: 'letter', description: 'Greet Ada.', requiredSkills: ['writing'] });
    expect(task).toMatchObject({
      status: 'completed',
      team: [{ agentId: 'writer' }],
      result: { success: true, sections: { writing: { greeting: 'Good day' } } },
      subtasks: [{ madeBy: { method: 'model', model: 'scripted', unpriced: true, estimated: false } }],
      usage: { costUsd: 0 },
    });
    expect(task.usage.inputTokens).toBeGreaterThan(0);
    expect(task.usage.outputTokens).toBeGreaterThan(0);
  });

  it('uses a tool that was published as data', async () => {
    const body = {
      description: 'Doubles',
      parameters: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
      call: { kind: 'expression', expression: 'n * 2' },
      trial: { arguments: { n: 1 }, expect: 2 },
    };
    const headers = { 'content-type': 'application/json' };
    const put = await market.fetch('/v1/tools/double', { method: 'PUT', headers, body: JSON.stringify(body) });
    expect(put.status).toBe(200);
    model.script = (_request, index) =>
      index === 0 ? { toolCalls: [{ name: 'double', arguments: { n: 21 } }] } : text({ answer: 42 });
    await market.run({ type: 'letter', requiredSkills: ['writing'] });
    expect(toolNames(model.requests[0])).toContain('double');
    expect(toolAnswers(model.requests[1])).toEqual(['42']);
  });

  it('hands the conversation to whoever wins the bid: a task of the same owner, whose delivery it delivers', async () => {
    lawyer.act = (subtask, context) => {
      context.usage({ inputTokens: 1_000, outputTokens: 500 });
      return { opinion: 'fine', heard: (subtask.data['handoff'] as { messages: object[] }).messages.length };
    };
    model.script = () => ({
      text: 'A lawyer must see this.',
      toolCalls: [{ name: 'transfer_to_best-bidder_law', arguments: { reason: 'it is about law' } }],
    });
    const task = await market.run({
      type: 'letter',
      description: 'Is this legal?',
      requiredSkills: ['writing'],
      budget: { maxTokens: 50_000 },
    });
    expect(task).toMatchObject({
      status: 'completed',
      result: { sections: { writing: { opinion: 'fine', heard: 1 } } },
    });
    const child = (await market.admin.tasks({ type: 'handoff' })).items[0];
    expect(child).toMatchObject({ ownerId: task.ownerId, requiredSkills: ['law'], team: [{ agentId: 'lawyer' }] });
    expect(child?.budget?.maxTokens).toBeLessThan(50_000);
    expect(task.usage.outputTokens).toBeGreaterThanOrEqual(500);
    const logged = (await (await market.fetch(`/v1/tasks/${task.id}/handoffs`)).json()) as { items: HandoffEntry[] };
    expect(logged.items).toMatchObject([
      { from: 'writer', to: 'best-bidder:law', refused: null, reason: 'it is about law' },
    ]);
  });

  it('splits the budget over the subtasks at award', async () => {
    const task = await market.run({
      type: 'pair',
      requiredSkills: ['spending', 'saving'],
      budget: { maxTokens: 9_001, maxCostUsd: 3 },
    });
    expect(task.status).toBe('completed');
    for (const actor of [spender, saver]) {
      const [run] = await actor.runs.atLeast(1);
      expect(run?.subtask.budget).toEqual({ maxTokens: 4_500, maxCostUsd: 1.5 });
    }
  });

  it('gives a subtask up when its failed attempts have used up the budget', async () => {
    spender.act = (_subtask, context) => {
      context.usage({ inputTokens: 900, outputTokens: 100 });
      throw new Error('spent it all');
    };
    const task = await market.run({ type: 'spree', requiredSkills: ['spending'], budget: { maxTokens: 1_000 } });
    expect(task).toMatchObject({ status: 'failed', subtasks: [{ attempt: 1, status: 'failed' }] });
  });
});

describe('a market whose model server is down', () => {
  it('hears the agent pass as UNHEALTHY once the circuit is open, and again bid when the server is well', async () => {
    const model = await ScriptedModelServer.start(() => ({
      fault: 'status',
      status: 500,
      headers: { 'retry-after': '0' },
    }));
    model.modelsFault = { status: 500 };
    const market = await startMarket({
      transport: 'PostgreSQL',
      agents: [writerOn(model)],
      env: { LEASE_MS: '1000' },
    });
    const letter = { type: 'letter', requiredSkills: ['writing'], maxAttempts: 1 };
    try {
      for (let i = 0; i < 2; i += 1) expect((await market.run(letter)).status).toBe('failed');
      await expect.poll(async () => (await market.admin.agent('writer')).healthy, { timeout: 10_000 }).toBe(false);
      const waiting = await market.submit(letter);
      await market.until(waiting.id, (events) =>
        events.some(({ type, data }) => type === 'bids.received' && JSON.stringify(data).includes('UNHEALTHY')),
      );
      model.modelsFault = undefined;
      model.script = () => text({ greeting: 'Good day again' });
      expect((await market.ended(waiting.id)).status).toBe('completed');
    } finally {
      await market.stop();
      await model.stop();
    }
  }, 60_000);
});

describe('the built-in agents with a model', () => {
  it('work out figures by rules and words by the model, and say so', async () => {
    const model = await ScriptedModelServer.start(() => text({ title: 'A better guide', assumptions: [] }));
    const market = await startMarket({ transport: 'PostgreSQL', env: { OPENAI_BASE_URL: model.baseUrl } });
    try {
      const task = await market.run({ type: 'guide', requiredSkills: ['documentation'] });
      expect(task.subtasks[0]?.madeBy).toMatchObject({ method: 'model', model: 'scripted' });
      expect(task.result?.sections['documentation']).toMatchObject({ method: 'model', title: 'A better guide' });
      expect(task.result?.sections['documentation']).toHaveProperty('sections');
      expect(model.requests[0]?.messages[1]?.content).toContain('source="draft by rules"');
    } finally {
      await market.stop();
      await model.stop();
    }
  });
});
