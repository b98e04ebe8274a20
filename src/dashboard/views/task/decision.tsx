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

/** What a person is asked, as the escalation's event says it; of several, the last unless another is chosen. */
export function Decision({ task, events, onDecided }: DecisionProps) {
  const escalations = openEscalations(events);
  const [about, setAbout] = useState('');
  const asked = escalations.find((one) => one['subtaskId'] === about) ?? escalations.at(-1) ?? {};
  const options = escalations.flatMap((one) => {
    const id = textOf(one, 'subtaskId');
    return id === undefined ? [] : [{ value: id, name: textOf(one, 'stepId') ?? partName(id) }];
  });
  const subtaskId = textOf(asked, 'subtaskId');
  return (
    <Card title="A person must decide" class="attention">
      <p class="prose">
        {textOf(asked, 'message') ?? textOf(asked, 'reason') ?? 'The market could not go on by itself.'}
      </p>
      <div class="form">
        {options.length > 1 && (
          <Select id="about" label="Of" value={subtaskId ?? ''} options={options} onChange={setAbout} />
        )}
        <Answer key={subtaskId} task={task} asked={asked} onDecided={onDecided} />
      </div>
    </Card>
  );
}

interface AnswerProps {
  task: TaskView;
  asked: Fields;
  onDecided: (task: TaskView) => void;
}

/** The answers that the market takes. */
function Answer({ task, asked, onDecided }: AnswerProps) {
  const choices = textsOf(asked, 'choices');
  const subtaskId = textOf(asked, 'subtaskId');
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
  const options = [{ value: '', name: 'none' }, ...choices.map((one) => ({ value: one, name: one }))];
  return (
    <>
      {choices.length > 0 && (
        <Select id="choice" label="Choice" value={choice} options={options} onChange={setChoice} />
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
          <button type="button" class="button" disabled={action.busy || choice === ''} onClick={() => decide('choose')}>
            Choose
          </button>
        )}
        <button type="button" class="button bad" disabled={action.busy} onClick={() => decide('reject')}>
          Reject
        </button>
      </div>
    </>
  );
}

interface SelectProps {
  id: string;
  label: string;
  value: string;
  options: readonly { value: string; name: string }[];
  onChange: (value: string) => void;
}

function Select({ id, label, value, options, onChange }: SelectProps) {
  return (
    <Field label={label} for={id}>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.name}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** The last word on each part that was escalated; whether one is decided already, the market knows, and says. */
function openEscalations(events: readonly TaskEvent[]): Fields[] {
  const byPart = new Map<string | undefined, Fields>();
  for (const { type, data } of events) if (type === 'task.escalated') byPart.set(textOf(data, 'subtaskId'), data);
  return [...byPart.values()];
}
