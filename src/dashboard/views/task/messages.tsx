import { useEffect } from 'preact/hooks';
import type { TaskEvent } from '../../../sdk/index.ts';
import { duration, number } from '../../format.ts';
import { useResource } from '../../state/use-resource.ts';
import { Card } from '../../ui/parts.tsx';
import { Failure } from '../../ui/state.tsx';
import { Json } from './json.tsx';

/** As many as the market gives at once. */
const SHOWN = 200;

/** What the task's agents said to each other; nothing while they have said nothing. */
export function Messages({
  taskId,
  events,
  startedAt,
}: {
  taskId: string;
  events: readonly TaskEvent[];
  startedAt: string;
}) {
  const said = events.filter(({ type }) => type === 'message.sent').length;
  const page = useResource((api, signal) => api.messages(taskId, { limit: SHOWN, signal }), [taskId]);
  const { reload } = page;
  useEffect(() => {
    if (said > 0) void reload();
  }, [said, reload]);
  const messages = page.value?.items ?? [];
  if (said === 0 && messages.length === 0) return null;
  return (
    <Card title="Messages" aside={<span class="muted num">{number(messages.length, 0)}</span>}>
      {page.error !== undefined && <Failure error={page.error} />}
      <ol class="messages" aria-label="Messages">
        {messages.map(({ id, from, to, topic, data, at }) => (
          <li key={id}>
            <details>
              <summary>
                <span class="muted num">{duration(Math.max(0, Date.parse(at) - Date.parse(startedAt)))}</span> {from} to{' '}
                {to ?? 'the team'}: {topic}
              </summary>
              <Json value={data} />
            </details>
          </li>
        ))}
      </ol>
      {typeof page.value?.nextCursor === 'string' && (
        <p class="hint">
          The first {SHOWN}. All of them: swarmbid messages {taskId}
        </p>
      )}
    </Card>
  );
}
