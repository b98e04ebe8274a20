import { setTimeout as delay } from 'node:timers/promises';
import { isFinal, type TaskSubmission, type TaskView } from '../../src/contracts/task.ts';
import { SwarmbidError, type SwarmbidClient } from '../../src/sdk/index.ts';
import { isPassing, untilAnswered } from './ask.ts';
import { SKILLS, type Poison, type WorkOrder } from './agents.ts';
import type { History, Submission } from './history.ts';
import type { Random } from './random.ts';
import type { Site } from './site.ts';
import { Watcher } from './watcher.ts';

const OWNERS = ['owner-a', 'owner-b'] as const;
type Owner = (typeof OWNERS)[number];

/** Requests of one owner under way; a client that waits longer than this for answers stops asking. */
const MAX_UNDER_WAY = 40;
const WATCHED_SHARE = 0.3;

/** The clients of the market: they submit, cancel, rate, look and watch, and note all that they are told. */
export class Driver {
  readonly #site: Site;
  readonly #random: Random;
  readonly #history: History;
  readonly #clients = new Map<Owner, SwarmbidClient[]>();
  readonly #watchers = new Map<Owner, Watcher[]>();
  readonly #underWay = new Set<Promise<void>>();
  /** Tells the submissions of one chapter from those of others. */
  readonly #chapter: string;
  #number = 0;
  #driving = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(site: Site, random: Random, history: History, chapter: string) {
    this.#site = site;
    this.#random = random;
    this.#history = history;
    this.#chapter = chapter;
  }

  async start(everyMs: number): Promise<void> {
    for (const owner of OWNERS) await this.#enroll(owner);
    this.#driving = true;
    this.#loop = this.#drive(everyMs);
  }

  /** A poisonous task, and what is wrong with it. */
  poison(kind: Poison): void {
    const order: WorkOrder = { workMs: 0, poison: kind, blockMs: 4 * this.#site.leaseMs };
    this.#begin(this.#submission(order, ['poison'], { timeoutMs: 2 * this.#site.leaseMs }), 1);
  }

  /** Submits nothing more, and resolves when every request has been answered: the market must be whole by then. */
  async finish(): Promise<void> {
    this.#driving = false;
    await this.#loop;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** True when the watchers have seen all events there are. */
  watchersHave(lastSeqs: ReadonlyMap<string, number>): boolean {
    return [...this.#watchers.values()].flat().every((watcher) => watcher.hasAll(lastSeqs));
  }

  /** Reads every task once more, as its owner. */
  async readAll(): Promise<void> {
    for (const one of this.#history.acknowledgedOnes()) await this.#look(one);
  }

  close(): void {
    for (const watcher of [...this.#watchers.values()].flat()) watcher.close();
  }

  async #enroll(owner: Owner): Promise<void> {
    const { key } = await untilAnswered(() =>
      this.#random.pick(this.#site.adminClients()).createKey({ role: 'submitter', name: owner, ownerId: owner }),
    );
    this.#clients.set(owner, this.#site.clients(key, this.#listening(owner)));
    this.#watchers.set(
      owner,
      this.#site.apiLinks.map((link) => new Watcher(`http://127.0.0.1:${link.port}`, key, this.#history)),
    );
  }

  /** `fetch` that looks for what belongs to somebody else in everything that is answered. */
  #listening(owner: Owner): typeof fetch {
    const foreign = OWNERS.filter((one) => one !== owner).map((one) => `canary-${one}`);
    return async (input, init) => {
      const response = await fetch(input, init);
      const text = await response.clone().text();
      if (foreign.some((canary) => text.includes(canary))) this.#history.violation(`${owner} was shown another's data`);
      return response;
    };
  }

  async #drive(everyMs: number): Promise<void> {
    while (this.#driving) {
      if (this.#underWay.size < MAX_UNDER_WAY) this.#next();
      await delay(everyMs * (0.5 + this.#random.next()));
    }
  }

  #next(): void {
    const random = this.#random;
    const workMs = random.int(10, 500);
    const drawn = random.next();
    if (drawn < 0.45) this.#begin(this.#submission({ workMs }, [random.pick(SKILLS)]), random.chance(0.1) ? 2 : 1);
    else if (drawn < 0.7) this.#begin(this.#submission({ workMs }, SKILLS), random.chance(0.1) ? 2 : 1);
    else if (drawn < 0.8) this.#begin(this.#submission({ workMs }, SKILLS, { rules: [AGREEMENT] }), 1);
    else if (drawn < 0.86) this.#begin(this.#submission({ workMs, failAttempts: [1] }, [random.pick(SKILLS)]), 1);
    else if (drawn < 0.88)
      this.#begin(this.#submission({ workMs, failAttempts: [1, 2] }, ['beta'], { maxAttempts: 2 }), 1);
    else if (drawn < 0.91) this.#begin(this.#submission({ workMs: 60_000 }, ['alpha'], { deadline: inMs(3_000) }), 1);
    else this.#begin(this.#submission({ workMs: 5 * workMs }, random.chance(0.5) ? SKILLS : ['gamma']), 1, true);
  }

  #submission(order: WorkOrder, requiredSkills: string[], more: Partial<TaskSubmission> = {}): Submission {
    const owner = this.#random.pick(OWNERS);
    const number = ++this.#number;
    const token = `canary-${owner}-${this.#chapter}-${number}`;
    const body = { type: 'faults', requiredSkills, biddingTimeMs: 60_000, data: { token, order }, ...more };
    const submission = {
      owner,
      key: `key-${token}`,
      token,
      body,
      taskIds: new Set<string>(),
      cancelled: false,
      finals: new Set<string>(),
    };
    this.#history.submitted(submission);
    return submission;
  }

  /** `times`: how many clients submit it at once, with one key. */
  #begin(submission: Submission, times: number, cancel = false): void {
    for (let time = 0; time < times; time++) this.#track(this.#carryThrough(submission, cancel));
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error: unknown) => {
      this.#history.violation(
        `a client failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    });
    this.#underWay.add(tracked);
    void tracked.finally(() => this.#underWay.delete(tracked));
  }

  async #carryThrough(submission: Submission, cancel: boolean): Promise<void> {
    const random = this.#random.fork();
    const accepted = await this.#persist(random, submission, (client) =>
      client.submit(submission.body, { idempotencyKey: submission.key }).catch(unlessLate(submission.body)),
    );
    if (accepted === undefined) return;
    const taskId = accepted.id;
    this.#history.acknowledged(submission, taskId);
    if (random.chance(WATCHED_SHARE) && !this.#history.watched.has(taskId)) {
      this.#history.watched.set(taskId, []);
      random.pick(this.#watchers.get(submission.owner as Owner) ?? []).watch(taskId);
    }
    await delay(random.int(50, 1_500));
    if (cancel) await this.#cancel(random, submission, taskId);
    if (random.chance(0.3)) await this.#rate(random, submission, taskId);
  }

  async #cancel(random: Random, submission: Submission, taskId: string): Promise<void> {
    const task = await this.#persist(random, submission, (client) => client.cancel(taskId).catch(unless('CONFLICT')));
    if (task === undefined) return;
    submission.cancelled = true;
    note(submission, task);
  }

  async #rate(random: Random, submission: Submission, taskId: string): Promise<void> {
    const task = await this.#look(submission);
    if (task?.status !== 'completed') return;
    const feedback = { quality: random.int(0, 100) };
    await this.#persist(random, submission, (client) => client.feedback(taskId, feedback).catch(unless('CONFLICT')));
  }

  async #look(submission: Submission): Promise<TaskView | undefined> {
    const [taskId] = submission.taskIds;
    if (taskId === undefined) return undefined;
    const task = await this.#persist(this.#random.fork(), submission, (client) => client.task(taskId));
    note(submission, task);
    await this.#pry(submission.owner, taskId);
    return task;
  }

  /** Another owner asks for the task, too: to them it must not exist. */
  async #pry(owner: string, taskId: string): Promise<void> {
    const other = OWNERS.find((one) => one !== owner);
    const [client] = (other && this.#clients.get(other)) ?? [];
    if (client === undefined || !this.#random.chance(0.1)) return;
    const answer = await client.task(taskId).catch((error: unknown) => error);
    if (isPassing(answer) || (answer instanceof SwarmbidError && answer.code === 'NOT_FOUND')) return;
    this.#history.violation(`${other} was shown ${taskId}, which is another's`);
  }

  /** Asks one API process or another until one has answered. */
  async #persist<Answer>(
    random: Random,
    submission: Submission,
    ask: (client: SwarmbidClient) => Promise<Answer>,
  ): Promise<Answer> {
    return untilAnswered(() => ask(random.pick(this.#clients.get(submission.owner as Owner) ?? [])));
  }
}

const AGREEMENT = {
  name: 'agreement',
  expression: 'deliveries.alpha.token = deliveries.beta.token',
  severity: 'reject' as const,
};

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

function note(submission: Submission, task: TaskView): void {
  if (isFinal(task.status)) submission.finals.add(task.status);
}

/** A submission that found no open door until its deadline had passed is refused, rightly. */
function unlessLate({ deadline }: TaskSubmission): (error: unknown) => undefined {
  // looked at when the refusal is there: the deadline may pass while the client waits for it
  return (error) => unless(deadline !== undefined && Date.parse(deadline) < Date.now() ? 'INVALID_REQUEST' : '')(error);
}

function unless(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof SwarmbidError && error.code === code) return undefined;
    throw error;
  };
}
