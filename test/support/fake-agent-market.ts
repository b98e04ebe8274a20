import type {
  AgentMarket,
  AgentMemory,
  HandedBack,
  HandoffNote,
  HandoffToMarket,
  Memory,
} from '../../src/contracts/agent-market.ts';
import type { Skill } from '../../src/contracts/skill.ts';
import type { PublishedTool } from '../../src/contracts/tool.ts';
import type { Json } from '../../src/util/json.ts';

/** What the market offers to an agent, in memory; it keeps what it is told. */
export class FakeMarket implements AgentMarket {
  readonly notes: HandoffNote[] = [];
  readonly routes = new Map<string, readonly string[]>();
  readonly awards: HandoffToMarket[] = [];
  readonly memories: Memory[] = [];
  records: Skill[] = [];
  published: PublishedTool[] = [];
  awarded: (request: HandoffToMarket, signal: AbortSignal) => Promise<HandedBack> = () =>
    Promise.reject(new Error('nobody bids'));

  readonly memory: AgentMemory = {
    remember: (text) => {
      const at = new Date(0).toISOString();
      const memory = {
        id: `m${this.memories.length}`,
        agentId: 'a',
        ownerId: 'o',
        text,
        taskId: 't',
        subtaskId: 's',
        at,
      };
      this.memories.push(memory);
      return Promise.resolve(memory);
    },
    recall: (_query, { limit }) => Promise.resolve(this.memories.slice(0, limit)),
    forget: () => Promise.resolve(false),
  };

  async skills(ids: readonly string[]): Promise<Skill[]> {
    return this.records.filter(({ id }) => ids.includes(id));
  }

  async tools(names: readonly string[] | 'all'): Promise<PublishedTool[]> {
    return this.published.filter(({ name }) => names === 'all' || names.includes(name));
  }

  async callTool(tool: PublishedTool, args: Record<string, unknown>): Promise<Json> {
    return { called: tool.name, args: args as Record<string, Json> };
  }

  async declareHandoffs(from: string, to: readonly string[]): Promise<void> {
    this.routes.set(from, to);
  }

  async recordHandoff(note: HandoffNote): Promise<void> {
    this.notes.push(note);
  }

  award(request: HandoffToMarket, signal: AbortSignal): Promise<HandedBack> {
    this.awards.push(request);
    return this.awarded(request, signal);
  }
}
