import type { TaskEvent } from '../../../sdk/index.ts';
import { duration, number } from '../../format.ts';
import { sentenceOf } from '../../task-story.ts';
import { Card } from '../../ui/parts.tsx';

export function EventLog({ events, startedAt }: { events: readonly TaskEvent[]; startedAt: string }) {
  return (
    <Card title="Events" aside={<span class="muted num">{number(events.length, 0)}</span>}>
      <ol class="events" tabIndex={0} aria-label="Events">
        {events.map((event) => {
          const { text, tone } = sentenceOf(event);
          return (
            <li key={event.seq} class={tone} data-seq={event.seq}>
              <span class="muted num">{duration(Math.max(0, Date.parse(event.at) - Date.parse(startedAt)))}</span>
              <span>{text}</span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
