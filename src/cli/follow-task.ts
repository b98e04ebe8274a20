import { isFinalEvent, type TaskEvent, type TaskView } from '../sdk/index.ts';
import { numberField, textField, textsField } from './event-fields.ts';
import { subtaskLabel } from './format.ts';
import { createProgressView, type Progress } from './progress-view.ts';
import { renderEvent, withTime, type EventContext } from './render-event.ts';
import type { Session } from './session.ts';

/** How long to wait, after a task's end, for the reputations that it moves; the market folds them within a second. */
const AFTERMATH_MS = 5_000;
/** A task for which nothing was awarded for so long waits for an agent: its watcher is told, once. */
const WAITING_AFTER_MS = 3_000;
const AFTERMATH_OVER = new Error('the time for late events is over');

export interface FollowedTask {
  task: TaskView;
  /** The `reputation.changed` events, in order. */
  reputationChanges: TaskEvent[];
}

/**
 * Shows a task's events from the first to the last, as JSON Lines with `--json`, else in words; goes on after its end until
 * every attempt that an agent answered for has moved a reputation, at most 5 s.
 */
export async function followTask(session: Session, taskId: string): Promise<FollowedTask> {
  const reputationChanges: TaskEvent[] = [];
  const words = session.json ? null : wordsView(session);
  try {
    for await (const event of eventsAndAftermath(session, taskId)) {
      session.printRecord(event);
      words?.show(event);
      if (event.type === 'reputation.changed') reputationChanges.push(event);
    }
  } finally {
    words?.end();
  }
  return { task: await session.client.task(taskId), reputationChanges };
}

async function* eventsAndAftermath(session: Session, taskId: string): AsyncGenerator<TaskEvent> {
  const aftermath = new AbortController();
  const answers = createAnswerCount();
  let timer: NodeJS.Timeout | undefined;
  try {
    for await (const event of session.client.watch(taskId, { untilEnd: false, signal: aftermath.signal })) {
      yield event;
      answers.count(event);
      if (isFinalEvent(event)) {
        timer = setTimeout(() => {
          aftermath.abort(AFTERMATH_OVER);
        }, AFTERMATH_MS);
      }
      if (timer !== undefined && answers.allCounted()) return;
    }
  } catch (error) {
    if (error !== AFTERMATH_OVER) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Every attempt that an agent answered for gets one ledger entry; the market's own failures move nothing. */
function createAnswerCount() {
  const answered = new Set<string>();
  let changes = 0;
  return {
    count: ({ type, data }: TaskEvent) => {
      const attempt = `${textField(data, 'subtaskId')}:${numberField(data, 'attempt')}`;
      if (textField(data, 'outcome') === 'market_failure') {
        answered.delete(attempt);
        return;
      }
      if (type === 'subtask.accepted' || type === 'subtask.failed') {
        answered.add(attempt);
      }
      if (type === 'reputation.changed') changes += 1;
    },
    allCounted: () => changes >= answered.size,
  };
}

function wordsView(session: Session) {
  const { colors } = session;
  const view = createProgressView(session.streams.stdout, colors);
  const skills = new Map<string, readonly string[]>();
  const skillsOf = (subtaskId: string) => skills.get(subtaskId) ?? [];
  let startMs: number | undefined;
  let waiting: NodeJS.Timeout | undefined;
  let toldOfWaiting = false;
  const tellOfWaiting = () => {
    toldOfWaiting = true;
    view.line(colors.dim(WAITING));
  };
  return {
    show: (event: TaskEvent) => {
      startMs ??= Date.parse(event.at);
      if (!BEFORE_AWARD.has(event.type)) clearTimeout(waiting);
      else if (!toldOfWaiting) waiting ??= setTimeout(tellOfWaiting, WAITING_AFTER_MS);
      const [subtaskId = '', step] = [textField(event.data, 'subtaskId'), textField(event.data, 'stepId')];
      if (step !== undefined) skills.set(subtaskId, [step]);
      else if (event.type === 'subtask.started') skills.set(subtaskId, textsField(event.data, 'skills'));
      const lines = withTime(event, startMs, renderEvent(event, { colors, skillsOf }));
      const progress = progressOf(event, skillsOf);
      if (progress !== null) view.progress(progress);
      if (isFinalEvent(event)) view.settle();
      if (progress === null || !MERE_PROGRESS.has(event.type)) for (const line of lines) view.line(line);
      else view.lineWithoutBars(lines);
    },
    end: () => {
      clearTimeout(waiting);
      view.settle();
    },
  };
}

const BEFORE_AWARD: ReadonlySet<string> = new Set<TaskEvent['type']>([
  'task.accepted',
  'task.announced',
  'bids.received',
]);
const WAITING =
  '           waiting     whoever could do it is busy, or nobody has the skills; `swarmbid agents` tells, `swarmbid cancel` ends it';

/** Told by a bar where there are bars. */
const MERE_PROGRESS: ReadonlySet<string> = new Set<TaskEvent['type']>(['subtask.started', 'subtask.progress']);

/** What an event says of how far its subtask is; null for an event that says nothing of that. */
function progressOf({ type, data }: TaskEvent, skillsOf: EventContext['skillsOf']): Progress | null {
  const subtaskId = textField(data, 'subtaskId');
  if (subtaskId === undefined) return null;
  const bar = { subtaskId, label: subtaskLabel(subtaskId, skillsOf(subtaskId)) };
  switch (type) {
    case 'subtask.started':
      return { ...bar, percent: 0, note: textField(data, 'agentId') ?? '' };
    case 'subtask.progress':
      return { ...bar, percent: numberField(data, 'percent') ?? 0, note: textField(data, 'note') ?? '' };
    case 'subtask.accepted':
      return { ...bar, percent: 100, note: 'accepted' };
    default:
      return null;
  }
}
