import { useState } from 'preact/hooks';
import type { TaskView } from '../../../sdk/index.ts';
import { client } from '../../state/session.ts';
import { ActionError, Field, useAction } from '../../ui/action.tsx';
import { Card } from '../../ui/parts.tsx';

interface FeedbackProps {
  task: TaskView;
  onGiven: (task: TaskView) => void;
}

/** For accepted deliveries of an ended task that nobody has rated. */
export function Feedback({ task, onGiven }: FeedbackProps) {
  const open = task.subtasks.filter(
    ({ status, qualitySource }) => status === 'accepted' && qualitySource !== 'requester',
  );
  if (task.finishedAt === null || open.length === 0) return null;
  return <FeedbackForm task={task} open={open} onGiven={onGiven} />;
}

function FeedbackForm({ task, open, onGiven }: FeedbackProps & { open: TaskView['subtasks'] }) {
  const [subtaskId, setSubtaskId] = useState('');
  const [quality, setQuality] = useState(80);
  const [comment, setComment] = useState('');
  const action = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    const about = subtaskId === '' ? {} : { subtaskId };
    const said = comment.trim() === '' ? {} : { comment: comment.trim() };
    void action.run(async () => onGiven(await client.value.feedback(task.id, { ...about, quality, ...said })));
  };
  return (
    <Card title="Your rating">
      <form class="form" onSubmit={submit}>
        {task.subtasks.length > 1 && (
          <Field label="Of" for="rated">
            <select id="rated" value={subtaskId} onChange={(event) => setSubtaskId(event.currentTarget.value)}>
              <option value="">every part</option>
              {open.map((subtask) => (
                <option key={subtask.id} value={subtask.id}>
                  {subtask.skills.join(', ')} by {subtask.agentId}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field label={`Quality: ${quality}`} for="quality" hint="It changes the quality shown, never a reputation.">
          <input
            id="quality"
            type="range"
            min="0"
            max="100"
            step="5"
            value={quality}
            onInput={(event) => setQuality(Number(event.currentTarget.value))}
          />
        </Field>
        <Field label="Comment" for="comment">
          <textarea id="comment" rows={2} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
        </Field>
        <ActionError error={action.error} />
        <button type="submit" class="button" disabled={action.busy}>
          Rate
        </button>
      </form>
    </Card>
  );
}
