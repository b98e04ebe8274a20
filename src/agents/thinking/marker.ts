import { createHmac, randomBytes } from 'node:crypto';
import { markerWith, type Marker } from '../core/thinking/marked-data.ts';

const secret = randomBytes(32);

/**
 * Delimiters that nobody outside can know, and the same for the same content: an answer that is kept is found again.
 */
export function markerFor(given: { subtask: { description?: string; data: unknown }; draft?: unknown }): Marker {
  const { subtask, draft } = given;
  const content = JSON.stringify([subtask.description, subtask.data, draft]);
  return markerWith(`data-${createHmac('sha256', secret).update(content).digest('hex').slice(0, 16)}`);
}
