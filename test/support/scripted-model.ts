import { afterAll, afterEach, beforeAll } from 'vitest';
import { ScriptedModelServer, type ScriptedReply } from '../../src/agents/thinking/scripted-model-server.ts';
import { defineTool, type AgentTool } from '../../src/agents/tools/tool.ts';

/** A scripted model server for the tests of a file; what it was asked is forgotten after each. */
export class ScriptedModel {
  private running: ScriptedModelServer | undefined;

  constructor() {
    beforeAll(async () => {
      this.running = await ScriptedModelServer.start(() => ({ text: 'unscripted' }));
    });
    afterAll(() => this.running?.stop());
    afterEach(() => void this.running?.requests.splice(0));
  }

  get server(): ScriptedModelServer {
    if (this.running === undefined) throw new Error('the scripted server is not up yet');
    return this.running;
  }

  /** One reply after the other; the last one again and again. */
  replies(first: ScriptedReply, ...more: ScriptedReply[]): void {
    this.server.requests.splice(0);
    const all = [first, ...more];
    this.server.script = (_request, index) => all[Math.min(index, all.length - 1)] ?? first;
  }
}

export const call = (name: string, args: unknown = {}): ScriptedReply => ({ toolCalls: [{ name, arguments: args }] });

/** A tool without parameters. */
export function tool(name: string, run: () => unknown, part: { timeoutMs?: number; retries?: number } = {}): AgentTool {
  return defineTool({ name, description: name, parameters: { type: 'object' }, run, ...part });
}
