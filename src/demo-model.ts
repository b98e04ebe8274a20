import { ScriptedModelServer, type ScriptedRequest } from './agents/index.ts';

export interface DemoModel {
  /** For OPENAI_BASE_URL. */
  baseUrl: string;
  stop(): Promise<void>;
}

const REMARK = 'A script answered in the place of a model: nobody has read this task.';

/**
 * What answers in `demo --model`: a script on the real protocol, and it says so in all that it writes. It asks for the rest
 * of the task's data once, where the agent offers that, and then adds its remark to the draft.
 */
export async function startDemoModel(): Promise<DemoModel> {
  const server = await ScriptedModelServer.start((request) =>
    wantsData(request)
      ? { text: 'Reading on.', toolCalls: [{ name: 'read_task_data', arguments: { offset: 12_000 } }] }
      : { text: JSON.stringify({ remark: REMARK }) },
  );
  return { baseUrl: server.baseUrl, stop: () => server.stop() };
}

function wantsData({ tools = [], messages }: ScriptedRequest): boolean {
  const offered = tools.some((tool) => tool.function.name === 'read_task_data');
  return offered && messages.every((message) => message.role !== 'tool');
}
