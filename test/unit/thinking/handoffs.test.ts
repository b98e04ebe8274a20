import { describe, expect, it } from 'vitest';
import type { ScriptedReply } from '../../../src/agents/thinking/scripted-model-server.ts';
import { bestBidder, toolResult } from '../../../src/agents/tools/tool-result.ts';
import { call, ScriptedModel, tool } from '../../support/scripted-model.ts';
import { deliver, systemOf, toolAnswers, toolNames, WatchedContext, writerOn } from '../../support/thinking.ts';

const model = new ScriptedModel();

const calls = (...names: string[]): ScriptedReply => ({
  toolCalls: names.map((name) => ({ name, arguments: {} })),
});

describe('handoffs', () => {
  const editor = (part: Parameters<typeof writerOn>[1] = {}) =>
    writerOn(model.server, { id: 'editor', skills: ['editing'], instructions: 'You edit.', ...part });

  it('pass the whole conversation on: the other agent’s instructions and tools take over', async () => {
    const agent = writerOn(model.server, { handoffs: [editor({ tools: [tool('polish', () => 'shiny')] })] });
    model.replies(call('transfer_to_editor', { reason: 'needs polish' }), call('polish'), { text: 'edited' });
    const { value, context } = await deliver(agent, { description: 'A letter to Ada' });
    expect(value).toBe('edited');
    expect(model.server.requests.map((request) => systemOf(request).split('\n')[0])).toEqual([
      'You write.',
      'You edit.',
      'You edit.',
    ]);
    expect(toolNames(model.server.requests[0])).toEqual(['transfer_to_editor']);
    expect(toolNames(model.server.requests[1])).toEqual(['polish']);
    expect(model.server.requests[1]?.messages[1]?.content).toContain('A letter to Ada');
    expect(context.market.notes).toEqual([{ from: 'writer', to: 'editor', refused: null, reason: 'needs polish' }]);
    expect(context.market.routes.get('writer')).toEqual(['editor']);
  });

  it('happen when any tool returns an agent, alone or with a value and context variables', async () => {
    const other = editor({ instructions: (variables) => `You edit for ${variables['reader'] as string}.` });
    const decide = tool('decide', () =>
      toolResult({ value: 'to the editor', agent: other, contextVariables: { reader: 'Ada' } }),
    );
    model.replies(call('decide'), { text: 'edited' });
    await deliver(writerOn(model.server, { tools: [decide] }));
    expect(systemOf(model.server.requests[1])).toMatch(/^You edit for Ada\./);
    expect(toolAnswers(model.server.requests[1])).toEqual(['to the editor']);
    model.replies(call('decide'), { text: 'edited' });
    const { context } = await deliver(writerOn(model.server, { tools: [tool('decide', () => other)] }));
    expect(context.market.notes).toHaveLength(1);
  });

  it('of one answer count once: the first, and the other call is told so', async () => {
    const agent = writerOn(model.server, {
      handoffs: [editor(), editor({ id: 'critic', instructions: 'You judge.' })],
    });
    model.replies(calls('transfer_to_critic', 'transfer_to_editor'), { text: 'judged' });
    await deliver(agent);
    expect(systemOf(model.server.requests[1])).toMatch(/^You judge\./);
    expect(toolAnswers(model.server.requests[1])[1]).toContain('handed on already');
  });

  it.each([
    ['all', 'changed', 'kept'],
    ['on-handoff', 'changed', 'kept'],
    ['none', undefined, 'kept'],
  ] as const)('with propagation %s the next agent sees what was changed as %s', async (propagate, changed, own) => {
    const seen: unknown[] = [];
    const other = editor({
      contextVariables: { own: 'kept' },
      instructions: (variables) => {
        seen.push([variables['topic'], variables['own']]);
        return 'You edit.';
      },
    });
    const change = tool('change', () => toolResult({ agent: other, contextVariables: { topic: 'changed' } }));
    model.replies(call('change'), { text: 'done' });
    await deliver(writerOn(model.server, { tools: [change], context: { propagate } }));
    expect(seen).toEqual([[changed, own]]);
  });

  it('back to an agent that had the conversation are refused unless cycles are allowed', async () => {
    const other = editor({ handoffs: () => [agent] });
    const agent = writerOn(model.server, { handoffs: [other] });
    model.replies(call('transfer_to_editor'), call('transfer_to_writer'), { text: 'I keep it' });
    const { value, context } = await deliver(agent);
    expect(value).toBe('I keep it');
    expect(context.market.notes.map(({ refused }) => refused)).toEqual([null, 'CYCLE']);
    expect(toolAnswers(model.server.requests[2])[1]).toContain('writer → editor → writer');
  });

  it('to and fro are stopped as ping-pong, with the reason told and recorded', async () => {
    const other = editor({ handoffs: () => [agent] });
    const agent = writerOn(model.server, {
      handoffs: () => [other],
      limits: { allowCycles: true, maxHandoffs: 50, maxTurns: 20 },
    });
    model.server.script = (request) => {
      const [name] = toolNames(request);
      const refused = toolAnswers(request).some((answer) => answer.includes('to and fro'));
      return refused || name === undefined ? { text: 'enough' } : call(name);
    };
    const { value, context } = await deliver(agent);
    expect(value).toBe('enough');
    expect(context.market.notes.map(({ refused }) => refused)).toEqual([null, null, null, 'PING_PONG']);
  });

  it('over maxHandoffs are refused', async () => {
    model.replies(call('transfer_to_editor'), { text: 'alone' });
    const { context } = await deliver(writerOn(model.server, { handoffs: [editor()], limits: { maxHandoffs: 0 } }));
    expect(context.market.notes.map(({ refused }) => refused)).toEqual(['TOO_MANY_HANDOFFS']);
  });

  it('to the best bidder let the market find who goes on, with what is left of the budget', async () => {
    const context = new WatchedContext();
    const usage = { inputTokens: 10, outputTokens: 5, costUsd: 0 };
    context.market.awarded = async () => ({ ok: true, taskId: 'child', usage, value: { law: 'fine' } });
    model.replies({
      text: 'This needs a lawyer.',
      toolCalls: [{ name: 'transfer_to_best-bidder_law', arguments: { reason: 'law' } }],
      usage: { prompt_tokens: 100, completion_tokens: 20 },
    });
    const agent = writerOn(model.server, { handoffs: [bestBidder('law')], contextVariables: { client: 'ada' } });
    const { value } = await deliver(agent, { budget: { maxTokens: 2_000 } }, context);
    expect(value).toEqual({ law: 'fine' });
    expect(context.market.awards).toMatchObject([
      {
        skills: ['law'],
        budget: { maxTokens: 1_880 },
        conversation: {
          chain: ['writer'],
          messages: [{ from: 'writer', text: 'This needs a lawyer.' }],
          contextVariables: { client: 'ada' },
        },
      },
    ]);
    expect(context.used).toEqual({ inputTokens: 110, outputTokens: 25, costUsd: 0 });
  });

  it('that the market brings are gone on with: its words are marked, and its chain counts against the limits', async () => {
    model.replies(call('transfer_to_editor'), { text: 'done' });
    const handoff = {
      chain: ['editor'],
      messages: [{ from: 'editor', text: 'Please go on.' }],
      contextVariables: { reader: 'Ada' },
    };
    const agent = writerOn(model.server, {
      handoffs: [editor()],
      instructions: (variables) => `You write to ${variables['reader'] as string}.`,
    });
    const { context } = await deliver(agent, { data: { handoff } });
    expect(systemOf(model.server.requests[0])).toMatch(/^You write to Ada\./);
    expect(model.server.requests[0]?.messages[1]?.content).toMatch(
      /source="earlier conversation">\neditor: Please go on\./,
    );
    expect(context.market.notes.map(({ refused }) => refused)).toEqual(['CYCLE']);
  });
});
