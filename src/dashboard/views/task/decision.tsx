import { useState } from 'preact/hooks';
import type { TaskEvent, TaskView } from '../../../sdk/index.ts';
import { textOf, textsOf, type Fields } from '../../fields.ts';
import { client } from '../../state/session.ts';
import { partName } from '../../task-story.ts';
import { ActionError, Field, useAction } from '../../ui/action.tsx';
import { Card } from '../../ui/parts.tsx';

interface DecisionProps {
  task: TaskView;
  events: readonly TaskEvent[];
  onDecided: (task: TaskView) => void;
}

/** What a person is asked, as the escalation's event says it, and the answers that the market takes. */
export function Decision({ task, events, onDecided }: DecisionProps) {
  const escalations = openEscalations(events);
  const [about, setAbout] = useState('');
  const asked = escalations.find((one) => one['subtaskId'] === about) ?? escalations.at(-1) ?? {};
  const subtaskId = textOf(asked, 'subtaskId');
  const choices = textsOf(asked, 'choices');
  const [choice, setChoice] = useState('');
  const [note, setNote] = useState('');
  const action = useAction();
  const decide = (decision: 'approve' | 'reject' | 'choose') => {
    const said = note.trim() === '' ? {} : { note: note.trim() };
    const chosen = decision === 'choose' ? { choice } : {};
    const which = subtaskId === undefined ? {} : { subtaskId };
    const answer = { decision, ...chosen, ...said, ...which };
    void action.run(async () => onDecided(await client.value.decide(task.id, answer)));
  };
  return (
    <Card title="A person must decide" class="attention">
      <p class="prose">
        {textOf(asked, 'message') ?? textOf(asked, 'reason') ?? 'The market could not go on by itself.'}
      </p>
      <div class="form">
        {escalations.length > 1 && (
          <Field label="Of" for="about">
            <select id="about" value={subtaskId} onChange={(event) => setAbout(event.currentTarget.value)}>
              {escalations.map((one) => {
                const id = textOf(one, 'subtaskId');
                return (
                  <option key={id} value={id}>
                    {textOf(one, 'stepId') ?? partName(id)}
                  </option>
                );
              })}
            </select>
          </Field>
        )}
        {choices.length > 0 && (
          <Field label="Choice" for="choice">
            <select id="choice" value={choice} onChange={(event) => setChoice(event.currentTarget.value)}>
              <option value="">none</option>
              {choices.map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field label="Note" for="note">
          <textarea id="note" rows={2} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
        </Field>
        <ActionError error={action.error} />
        <div class="actions">
          <button type="button" class="button primary" disabled={action.busy} onClick={() => decide('approve')}>
            Approve
          </button>
          {choices.length > 0 && (
            <button
              type="button"
              class="button"
              disabled={action.busy || choice === ''}
              onClick={() => decide('choose')}
            >
              Choose
            </button>
          )}
          <button type="button" class="button bad" disabled={action.busy} onClick={() => decide('reject')}>
            Reject
          </button>
        </div>
      </div>
    </Card>
  );
}

/** The last word on each part that was escalated; whether one is decided already, the market knows, and says. */
function openEscalations(events: readonly TaskEvent[]): Fields[] {
  const byPart = new Map<string | undefined, Fields>();
  for (const { type, data } of events) if (type === 'task.escalated') byPart.set(textOf(data, 'subtaskId'), data);
  return [...byPart.values()];
}
