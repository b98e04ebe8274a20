import { z } from 'zod';
import { dataText, MAX_DATA_CHARS } from '../core/thinking/prompt.ts';
import { defineTool, type AgentTool } from '../tools/tool.ts';

const PART_CHARS = 12_000;

/** For a task whose data is longer than what is put before the model: the rest, in parts. */
export function taskDataTools(data: Record<string, unknown>): AgentTool[] {
  const text = dataText(data);
  if (text.length <= MAX_DATA_CHARS) return [];
  return [
    defineTool({
      name: 'read_task_data',
      description: `Reads on in the task data, which is ${text.length} characters long: ${PART_CHARS} characters from an offset.`,
      parameters: z.strictObject({ offset: z.int().min(0).max(text.length) }),
      run: ({ offset }) => text.slice(offset, offset + PART_CHARS),
    }),
  ];
}
