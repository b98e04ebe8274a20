import { useState } from 'preact/hooks';
import type { TaskEvent, TaskView } from '../../../sdk/index.ts';
import { textOf, textsOf } from '../../fields.ts';
import { client } from '../../state/session.ts';
import { ActionError, Field, useAction } from '../../ui/action.tsx';
import { Card } from '../../ui/parts.tsx';

interface DecisionProps {
  task: TaskView;
  events: readonly TaskEvent[];
  onDecided: (task: TaskView) => void;
}

/** What a person is asked, as the escalation's event says it, and the answers that the market takes. */
export function Decision({ task, events, onDecided }: DecisionProps) {
  const asked = events.findLast((event) => event.type === 'task.escalated')?.data ?? {};
  const choices = textsOf(asked, 'choices');
  const [choice, setChoice] = useState('');
  const [note, setNote] = useState('');
  const action = useAction();
  const decide = (decision: 'approve' | 'reject' | 'choose') => {
    const said = note.trim() === '' ? {} : { note: note.trim() };
    const chosen = decision === 'choose' ? { choice } : {};
    void action.run(async () => onDecided(await client.value.decide(task.id, { decision, ...chosen, ...said })));
  };
  return (
    <Card title="A person must decide" class="attention">
      <p class="prose">
        {textOf(asked, 'reason') ?? textOf(asked, 'message') ?? 'The market could not go on by itself.'}
      </p>
      <div class="form">
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
