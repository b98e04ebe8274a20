import { describe, expect, it } from 'vitest';
import { call, ScriptedModel, tool } from '../../support/scripted-model.ts';
import { deliver, systemOf, WatchedContext, writerOn } from '../../support/thinking.ts';

const model = new ScriptedModel();

describe('the delivery', () => {
  const schema = {
    type: 'object',
    properties: { title: { type: 'string' } },
    required: ['title'],
    additionalProperties: false,
  };

  it('satisfies the skill’s schema, which the model and the model.server are told', async () => {
    const context = new WatchedContext();
    context.market.records = [{ id: 'writing', description: 'Writes.', outputSchema: schema, checks: [] }];
    model.replies({ text: 'Here it is:\n```json\n{"title": "Hello"}\n```' });
    const { value } = await deliver(writerOn(model.server), {}, context);
    expect(value).toEqual({ title: 'Hello' });
    expect(systemOf(model.server.requests[0])).toContain(JSON.stringify(schema));
    expect(model.server.requests[0]?.response_format).toMatchObject({ type: 'json_schema', json_schema: { schema } });
  });

  it('is mended once: the model is told what is wrong', async () => {
    model.replies({ text: '{"titel": "Hello"}' }, { text: '{"title": "Hello"}' });
    const { value } = await deliver(writerOn(model.server, { outputSchema: schema }));
    expect(value).toEqual({ title: 'Hello' });
    expect(model.server.requests[1]?.messages.at(-1)?.content).toContain("must have required property 'title'");
  });

  it('fails after one repair, naming what is wrong', async () => {
    model.replies({ text: 'no JSON at all' }, { text: '{}' });
    await expect(deliver(writerOn(model.server, { outputSchema: schema }))).rejects.toThrow(
      /^NO_VALID_ANSWER: .*must have required property 'title'/,
    );
    expect(model.server.requests).toHaveLength(2);
  });

  it('that was cut at the limit of tokens says so', async () => {
    model.replies({ text: '{"title": "He', finishReason: 'length' });
    await expect(deliver(writerOn(model.server, { outputSchema: schema }))).rejects.toThrow(
      /cut at the limit of tokens/,
    );
  });
});

describe('the budget', () => {
  it('stops before a question that it does not allow, and bounds each answer by what is left', async () => {
    model.server.script = () => ({
      toolCalls: [{ name: 'more', arguments: {} }],
      usage: { prompt_tokens: 600, completion_tokens: 100 },
    });
    const agent = writerOn(model.server, { tools: [tool('more', () => 'more')] });
    const context = new WatchedContext();
    await expect(deliver(agent, { budget: { maxTokens: 1_500 } }, context)).rejects.toThrow(
      /^BUDGET_USED_UP: .*used 1400 of 1500 tokens/,
    );
    expect(model.server.requests).toHaveLength(2);
    expect(model.server.requests[0]?.max_tokens).toBeLessThan(1_500);
    expect(model.server.requests[1]?.max_tokens).toBeLessThan(model.server.requests[0]!.max_tokens!);
    expect(context.used.inputTokens + context.used.outputTokens).toBe(1_400);
  });

  it('cuts off a model.server that keeps to no limit', async () => {
    model.replies({ text: 'word '.repeat(5_000), usage: null });
    const { value, context } = await deliver(writerOn(model.server), { budget: { maxTokens: 800 } });
    expect(String(value).length).toBeLessThan(10_000);
    expect(context.used.outputTokens).toBeLessThan(2_000);
  });
});

describe('answers that are kept', () => {
  const rule = { keep: 'forever', holdsNoUserData: true } as const;

  it('are given to the same question again, and cost nothing', async () => {
    model.replies({ text: 'the capital is Bern' });
    const agent = writerOn(model.server, { cache: { writing: rule } });
    const asked = { description: 'What is the capital? (kept)' };
    await deliver(agent, asked);
    const { value, context } = await deliver(agent, asked);
    expect(value).toBe('the capital is Bern');
    expect(model.server.requests).toHaveLength(1);
    expect(context.used).toEqual({ inputTokens: 0, outputTokens: 0, costUsd: 0 });
    await deliver(agent, { description: 'Another question' });
    expect(model.server.requests).toHaveLength(2);
  });

  it('are none without a rule for every skill of the subtask', async () => {
    model.replies({ text: 'fresh' });
    const agent = writerOn(model.server, { skills: ['writing', 'editing'], cache: { writing: rule } });
    const asked = { description: 'not kept', skills: ['writing', 'editing'] };
    await deliver(agent, asked);
    await deliver(agent, asked);
    await deliver(writerOn(model.server), { description: 'not kept either' });
    await deliver(writerOn(model.server), { description: 'not kept either' });
    expect(model.server.requests).toHaveLength(4);
  });

  it('are forgotten after their time', async () => {
    model.replies({ text: 'short-lived' });
    const agent = writerOn(model.server, { cache: { writing: { keep: { ttlMs: 1 }, holdsNoUserData: true } } });
    const asked = { description: 'kept for a moment' };
    await deliver(agent, asked);
    await expect
      .poll(async () => {
        await deliver(agent, asked);
        return model.server.requests.length;
      })
      .toBeGreaterThan(1);
  });
});

describe('memory', () => {
  it('is put before the model as data, and can be added to by it', async () => {
    const context = new WatchedContext();
    await context.market.memory.remember('Ada likes short letters.');
    model.replies(call('remember', { text: 'Ada lives in Basel.' }), { text: 'done' });
    await deliver(writerOn(model.server, { memory: true }), { description: 'Write to Ada' }, context);
    expect(model.server.requests[0]?.messages[1]?.content).toMatch(
      /source="memory of [^"]+">\nAda likes short letters\./,
    );
    expect(context.market.memories.map(({ text }) => text)).toEqual([
      'Ada likes short letters.',
      'Ada lives in Basel.',
    ]);
  });
});
