import type { AgentDefinition, ExecutionContext, SubtaskInput } from '../../src/contracts/agent-definition.ts';
import { Inbox } from './inbox.ts';

export type Act = (subtask: SubtaskInput, context: ExecutionContext) => unknown;

export interface Run {
  subtask: SubtaskInput;
  context: ExecutionContext;
}

type Card = Pick<AgentDefinition, 'id' | 'skills' | 'domains' | 'capacity' | 'assess' | 'health' | 'onMessage'>;

/** An agent that does what a test tells it, and keeps what it was given to do. Until told otherwise it delivers `done by <id>`. */
export class Actor implements AgentDefinition {
  readonly id: string;
  readonly skills: string[];
  readonly domains: string[] | undefined;
  readonly capacity: number | undefined;
  readonly assess: AgentDefinition['assess'];
  readonly health: AgentDefinition['health'];
  readonly onMessage: AgentDefinition['onMessage'];
  readonly runs = new Inbox<Run>();
  act: Act;

  constructor(card: Card, act?: Act) {
    this.id = card.id;
    this.skills = card.skills;
    this.domains = card.domains;
    this.capacity = card.capacity;
    this.assess = card.assess;
    this.health = card.health;
    this.onMessage = card.onMessage;
    this.act = act ?? (() => `done by ${card.id}`);
  }

  execute(subtask: SubtaskInput, context: ExecutionContext): unknown {
    this.runs.add({ subtask, context });
    return this.act(subtask, context);
  }
}

export interface Hold {
  act: Act;
  release: () => void;
}

/** Work that stands still until the test releases it, and then delivers `value`. */
export function hold(value: unknown = 'held'): Hold {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  return { act: () => promise, release: () => resolve(value) };
}
