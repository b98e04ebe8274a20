import type { TaskEvent } from '../../src/contracts/events.ts';
import type { TaskSubmission } from '../../src/contracts/task.ts';

/** What the outside of the market has seen of one submission. */
export interface Submission {
  owner: string;
  key: string;
  /** Found in the data of this task alone. */
  token: string;
  body: TaskSubmission;
  /** Every id that an acknowledgement has named for the key; one, if all is well. */
  taskIds: Set<string>;
  /** Set when the market has confirmed a cancellation. */
  cancelled: boolean;
  /** Final states that answers and events have shown. */
  finals: Set<string>;
}

/** The log of the clients: what they did, what they were told, and what was wrong with it at once. */
export class History {
  readonly submissions: Submission[] = [];
  /** Of watched tasks, the events in the order in which they came. */
  readonly watched = new Map<string, TaskEvent[]>();
  /** Broken promises seen as they happened. */
  readonly violations: string[] = [];
  readonly #byTask = new Map<string, Submission>();

  submitted(submission: Submission): void {
    this.submissions.push(submission);
  }

  acknowledged(submission: Submission, taskId: string): void {
    submission.taskIds.add(taskId);
    this.#byTask.set(taskId, submission);
    if (submission.taskIds.size > 1) {
      this.violation(`key ${submission.key} was answered with ${[...submission.taskIds].join(' and ')}`);
    }
  }

  ofTask(taskId: string): Submission | undefined {
    return this.#byTask.get(taskId);
  }

  acknowledgedOnes(): Submission[] {
    return this.submissions.filter((one) => one.taskIds.size > 0);
  }

  /** An event as a watcher received it on its connection, which began after `lastSeq`. */
  event(event: TaskEvent, lastSeq: number): void {
    if (event.seq !== lastSeq + 1) {
      this.violation(`a watcher of ${event.taskId} received seq ${event.seq} after ${lastSeq}`);
      return;
    }
    const events = this.watched.get(event.taskId) ?? [];
    this.watched.set(event.taskId, [...events, event]);
  }

  violation(text: string): void {
    this.violations.push(text);
  }
}
