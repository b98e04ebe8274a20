import type { TaskEvent, TaskView } from '../../../sdk/index.ts';
import { duration, number, words } from '../../format.ts';
import { partName, type StoryAttempt, type TaskStory } from '../../task-story.ts';
import { AgentLink, Card } from '../../ui/parts.tsx';
import { useNow } from '../../ui/use-now.ts';

interface TimelineProps {
  task: TaskView;
  story: TaskStory;
  lastEvent: TaskEvent | undefined;
}

/** Each part on a line of its own, each attempt a bar on it: what ran beside what, and for how long. */
export function Timeline({ task, story, lastEvent }: TimelineProps) {
  const running = story.attempts.some((attempt) => attempt.endedAtMs === null);
  const now = useNow(200, running);
  if (task.subtasks.length === 0) return null;
  const attempts = measured(story.attempts, task);
  const from = Math.min(...attempts.map((one) => one.startedAtMs));
  const known = attempts.map((one) => one.endedAtMs ?? one.startedAtMs);
  // the server's clock may differ from ours: its last event says at least how late it is there
  const to = Math.max(...known, running ? Math.max(now, Date.parse(lastEvent?.at ?? '') || 0) : 0, from + 1);
  const { result } = task;
  return (
    <Card
      title={task.subtasks.length === 1 ? 'Work' : 'Team at work'}
      aside={attempts.length > 0 && <span class="muted num">{duration(to - from)}</span>}
    >
      <ul class="timeline">
        {task.subtasks.map((subtask) => (
          <Line
            key={subtask.id}
            subtask={subtask}
            skills={subtask.skills.length > 0 ? subtask.skills : (story.skills.get(subtask.id) ?? [])}
            attempts={attempts.filter((attempt) => attempt.subtaskId === subtask.id)}
            span={{ from, to }}
          />
        ))}
      </ul>
      {result !== undefined && result.contributors.length > 1 && result.speedup > 1 && (
        <p class="hint num">
          {duration(result.durationMs)} side by side, {duration(result.sequentialMs)} one after another:{' '}
          {number(result.speedup)} times as fast.
        </p>
      )}
    </Card>
  );
}

/** The task's record has the instants of the latest attempt as they were measured where it ran. */
function measured(attempts: readonly StoryAttempt[], task: TaskView): StoryAttempt[] {
  return attempts.map((attempt) => {
    const subtask = task.subtasks.find((one) => one.id === attempt.subtaskId);
    const isLatest = subtask?.attempt === attempt.attempt && subtask.agentId === attempt.agentId;
    if (!isLatest || subtask.startedAt === null) return attempt;
    const endedAtMs = subtask.finishedAt === null ? attempt.endedAtMs : Date.parse(subtask.finishedAt);
    return { ...attempt, startedAtMs: Date.parse(subtask.startedAt), endedAtMs };
  });
}

interface LineProps {
  subtask: TaskView['subtasks'][number];
  skills: readonly string[];
  attempts: readonly StoryAttempt[];
  span: { from: number; to: number };
}

function Line({ subtask, skills, attempts, span }: LineProps) {
  const last = attempts.at(-1);
  return (
    <li>
      <span class="line-name">
        <strong>{nameOf(subtask, skills)}</strong>
        {subtask.agentId === null ? <span class="muted">nobody</span> : <AgentLink id={subtask.agentId} />}
      </span>
      <span class="track">
        {attempts.map((attempt) => (
          <Bar key={`${attempt.attempt} ${attempt.startedAtMs}`} attempt={attempt} span={span} />
        ))}
      </span>
      <span class="line-state">
        <span class={`state-${subtask.status}`}>{subtask.status}</span>
        <span class="muted num">{lineDetail(subtask, last)}</span>
      </span>
    </li>
  );
}

function nameOf({ id, stepId }: LineProps['subtask'], skills: readonly string[]): string {
  const named = skills.length > 0 ? skills.join(', ') : partName(id);
  return stepId === undefined ? named : `${stepId} (${named})`;
}

function makerText({ method, model, endpoint }: NonNullable<LineProps['subtask']['madeBy']>): string {
  if (method === 'rules') return 'by rules';
  return `by the model ${model ?? '?'}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
}

function lineDetail(subtask: LineProps['subtask'], last: StoryAttempt | undefined): string {
  const parts = [
    ...(subtask.attempt > 1 ? [`attempt ${subtask.attempt}`] : []),
    ...(subtask.quality === null ? [] : [`quality ${number(subtask.quality, 1)} (${subtask.qualitySource ?? '?'})`]),
    ...(subtask.madeBy === undefined ? [] : [makerText(subtask.madeBy)]),
    ...(subtask.error === undefined || subtask.status === 'accepted' ? [] : [words(subtask.error.code)]),
    ...(last?.endedAtMs === null
      ? [`${number(last.percent, 0)} %${last.note === undefined ? '' : `, ${last.note}`}`]
      : []),
  ];
  return parts.join(' · ');
}

function Bar({ attempt, span }: { attempt: StoryAttempt; span: { from: number; to: number } }) {
  const length = span.to - span.from;
  const end = attempt.endedAtMs ?? span.to;
  const left = (100 * (attempt.startedAtMs - span.from)) / length;
  const width = Math.max(0.8, (100 * (end - attempt.startedAtMs)) / length);
  const what = attempt.reason === undefined ? attempt.state : `${attempt.state}: ${words(attempt.reason)}`;
  const label = `${attempt.agentId}, attempt ${attempt.attempt}: ${what}, ${duration(end - attempt.startedAtMs)}`;
  return (
    <span
      class={`bar ${attempt.state}`}
      role="img"
      aria-label={label}
      title={label}
      style={{ left: `${left}%`, width: `${width}%` }}
    >
      <span style={{ width: `${attempt.percent}%` }} />
    </span>
  );
}
