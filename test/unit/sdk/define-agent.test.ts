import { describe, expect, it } from 'vitest';
import { builtInAgents } from '../../../src/agents/builtin/index.ts';
import { MarketError } from '../../../src/contracts/errors.ts';
import { defineAgent } from '../../../src/sdk/define-agent.ts';
import type { AgentDefinition } from '../../../src/sdk/define-agent.ts';

const execute = () => 'done';

function faultsOf(definition: unknown): MarketError {
  try {
    defineAgent(definition as AgentDefinition);
  } catch (error) {
    if (error instanceof MarketError) return error;
    throw error;
  }
  throw new Error('the definition was accepted');
}

describe('defineAgent', () => {
  it('returns the agent frozen, its names folded to lower case and each skill once', () => {
    const agent = defineAgent({ id: 'Writer', skills: ['Copy', 'copy', 'seo'], domains: ['Retail'], execute });
    expect(agent).toMatchObject({ id: 'writer', skills: ['copy', 'seo'], domains: ['retail'] });
    expect(Object.isFrozen(agent)).toBe(true);
  });

  it('keeps what the methods of an instance need: `this` stays the instance', async () => {
    class Counter implements AgentDefinition {
      id = 'counter';
      skills = ['counting'];
      #count = 0;
      execute(): number {
        this.#count += 1;
        return this.#count;
      }
      health(): boolean {
        return this.#count < 2;
      }
    }
    const { execute: count, health } = defineAgent(new Counter());
    expect(count.call(undefined, {} as never, {} as never)).toBe(1);
    expect(await health?.()).toBe(true);
    expect(count.call(undefined, {} as never, {} as never)).toBe(2);
    expect(await health?.()).toBe(false);
  });

  it('names every wrong member at once, with the agent it belongs to', () => {
    const error = faultsOf({ id: 'writer', skills: [], capacity: 0, execute: 'later', health: true });
    expect(error.code).toBe('INVALID_REQUEST');
    expect(error.errors?.map(({ path }) => path)).toEqual(['skills', 'capacity', 'execute', 'health']);
    expect(error.message).toContain('"writer"');
    expect(error.message).toContain('execute: must be a function, but is string');
  });

  it('refuses an id that is no slug, and an agent without execute', () => {
    const error = faultsOf({ id: 'a b', skills: ['copy'] });
    expect(error.errors?.map(({ path }) => path)).toEqual(['id', 'execute']);
  });

  it('refuses a member that no agent has, as a misspelt onMessage, and lists those there are', () => {
    const error = faultsOf({ id: 'writer', skills: ['copy'], execute, onmessage: execute });
    expect(error.errors).toHaveLength(1);
    expect(error.message).toContain('onmessage');
    expect(error.message).toContain('onMessage');
  });

  it.each([null, undefined, 'writer', 7])('refuses %s, which is no object', (given) => {
    expect(faultsOf(given).message).toContain('defineAgent takes an object');
  });

  it('accepts every built-in agent', () => {
    expect(builtInAgents.map((agent) => defineAgent(agent).id)).toEqual([
      'marketing',
      'finance',
      'insights',
      'support',
    ]);
  });
});
