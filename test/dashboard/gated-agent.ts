import type { AgentDefinition } from '../../src/contracts/agent-definition.ts';

export interface Gate {
  agent: AgentDefinition;
  /** Lets the work that waits, and all that comes after, be delivered. */
  open(): void;
  /** Makes work wait again. */
  shut(): void;
}

/** An agent that reports 40 %, and delivers when the test lets it: what it delivers would be dangerous as markup. */
export function gatedAgent(): Gate {
  let waiting = Promise.withResolvers<undefined>();
  const agent: AgentDefinition = {
    id: 'gated',
    skills: ['gated_work'],
    capacity: 50,
    async execute(_subtask, { progress, signal }) {
      progress(40, 'at the gate');
      const aborted = new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
      await Promise.race([waiting.promise, aborted]);
      return { text: '<img src=x onerror="document.title=\'owned\'">' };
    },
  };
  return {
    agent,
    open: () => waiting.resolve(undefined),
    shut: () => {
      waiting = Promise.withResolvers<undefined>();
    },
  };
}
