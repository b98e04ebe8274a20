/**
 * Random sequences of commands at a real market on real PostgreSQL, against a model of what must come of them. The market
 * works on while commands come, so the model says what must hold at the end, and what each answer may be meanwhile.
 */
import fc from 'fast-check';
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { ExecutionContext, SubtaskInput } from '../../src/contracts/agent-definition.ts';
import type { TaskSubmission, TaskView } from '../../src/contracts/task.ts';
import { SwarmbidError } from '../../src/sdk/index.ts';
import type { App } from '../../src/app.ts';
import { uuidv7 } from '../../src/util/uuid.ts';
import { sqlChecks } from '../faults/sql-checks.ts';
import type { Actor } from '../support/actor.ts';
import type { Market } from '../support/market.ts';

/** A task as the model knows it. */
interface Known {
  key: string;
  body: TaskSubmission;
  id: string | undefined;
  /** How often each of its parts fails before it is delivered. */
  failures: number;
  cancelled: boolean;
  gate: PromiseWithResolvers<undefined> | undefined;
}

export interface Model {
  tasks: Known[];
  suspended: Set<string>;
}

const SECOND_POOL = 'second';

/** The market, and what its agents do. */
export class World {
  readonly market: Market;
  readonly known = new Map<string, Known>();
  readonly agents: readonly string[];
  private readonly thrown = new Map<string, number>();
  private readonly second: Actor;
  private pool: App | undefined;

  constructor(market: Market, agents: readonly Actor[], second: Actor) {
    this.market = market;
    this.second = second;
    this.agents = [...agents, second].map((agent) => agent.id);
    for (const agent of [...agents, second]) agent.act = (subtask, context) => this.act(subtask, context);
  }

  async startPool(): Promise<void> {
    this.pool ??= await this.market.join(SECOND_POOL, [this.second]);
  }

  async stopPool(): Promise<void> {
    await this.pool?.stop();
    this.pool = undefined;
  }

  private async act({ id, data }: SubtaskInput, { signal }: ExecutionContext): Promise<string> {
    const task = this.known.get(String(data['key']));
    if (task === undefined) throw new Error('nobody submitted this');
    const stopped = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    stopped.catch(() => undefined);
    if (task.gate !== undefined) await Promise.race([task.gate.promise, stopped]);
    const thrown = this.thrown.get(id) ?? 0;
    if (thrown >= task.failures) return 'done';
    this.thrown.set(id, thrown + 1);
    throw new Error('as planned');
  }
}

type Command = fc.AsyncCommand<Model, World>;

const picked = <Item>(items: readonly Item[], pick: number): Item => items[pick % items.length]!;
const codeOf = (error: unknown): string => (error instanceof SwarmbidError ? error.code : String(error));
const hasTasks = ({ tasks }: Readonly<Model>) => tasks.length > 0;

function onTask(name: string, run: (task: Known, world: World) => Promise<void>) {
  return (pick: number): Command => ({
    check: hasTasks,
    run: ({ tasks }, world) => run(picked(tasks, pick), world),
    toString: () => `${name}(${pick})`,
  });
}

interface Plan {
  team: boolean;
  held: boolean;
  failures: number;
  maxAttempts: number;
  twice: boolean;
}

function submit(plan: Plan): Command {
  return {
    check: () => true,
    run: async (model, { known, market }) => {
      const key = uuidv7();
      const { failures, maxAttempts } = plan;
      const body = { type: 'model', requiredSkills: plan.team ? ['a', 'b'] : ['a'], maxAttempts, data: { key } };
      const gate = plan.held ? Promise.withResolvers<undefined>() : undefined;
      const task: Known = { key, body, id: undefined, failures, cancelled: false, gate };
      known.set(key, task);
      model.tasks.push(task);
      const answers = await Promise.all(
        Array.from({ length: plan.twice ? 2 : 1 }, () => market.admin.submit(body, { idempotencyKey: key })),
      );
      const [first] = answers;
      task.id = first?.id;
      for (const answer of answers) expect(answer.id).toBe(task.id);
    },
    toString: () => `submit(${JSON.stringify(plan)})`,
  };
}

const submitAgain = onTask('submitAgain', async ({ key, body, id }, { market }) => {
  expect((await market.admin.submit(body, { idempotencyKey: key })).id).toBe(id);
});

const submitAnother = onTask('submitAnother', async ({ key, body }, { market }) => {
  const another = market.admin.submit({ ...body, priority: 'low' }, { idempotencyKey: key });
  await expect(another).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
});

const cancel = onTask('cancel', async (task, { market }) => {
  const answer = await market.admin.cancel(task.id ?? '').catch(codeOf);
  if (typeof answer === 'string') {
    expect(answer).toBe('CONFLICT');
    expect((await market.admin.task(task.id ?? '')).finishedAt).not.toBeNull();
    return;
  }
  expect([answer.status, task.cancelled]).toEqual(['cancelled', false]);
  task.cancelled = true;
});

const rate = onTask('rate', async (task, { market }) => {
  const answer = await market.admin.feedback(task.id ?? '', { quality: 50 }).catch(codeOf);
  if (typeof answer === 'string') expect(answer).toBe('CONFLICT');
});

const release = onTask('release', async (task) => open(task));

function open(task: Known): void {
  task.gate?.resolve(undefined);
  task.gate = undefined;
}

/** Until a task has come to its end, which nothing keeps it from. */
const awaitEnd = (index: number): Command => ({
  check: ({ tasks, suspended }) =>
    suspended.size === 0 && tasks.length > 0 && tasks.every(({ gate }) => gate === undefined),
  run: async ({ tasks }, { market }) => {
    const task = picked(tasks, index);
    expectEnd(task, await market.ended(task.id ?? ''));
  },
  toString: () => `awaitEnd(${index})`,
});

const status = (change: 'suspended' | 'active') => (pick: number) => ({
  check: () => true,
  run: async ({ suspended }: Model, { market, agents }: World) => {
    const agent = picked(agents, pick);
    await market.admin.changeAgent(agent, { status: change });
    if (change === 'active') suspended.delete(agent);
    else suspended.add(agent);
  },
  toString: () => `${change}(${pick})`,
});

const pool = (does: 'startPool' | 'stopPool'): Command => ({
  check: () => true,
  run: (_model, world) => world[does](),
  toString: () => does,
});

const pick = fc.nat(1_000);

export const commands = fc.commands<Model, World, false>(
  [
    fc
      .record({
        team: fc.boolean(),
        held: fc.boolean(),
        failures: fc.nat(2),
        maxAttempts: fc.integer({ min: 1, max: 2 }),
        twice: fc.boolean(),
      })
      .map(submit),
    pick.map(submitAgain),
    pick.map(submitAnother),
    pick.map(cancel),
    pick.map(rate),
    pick.map(release),
    pick.map(awaitEnd),
    pick.map(status('suspended')),
    pick.map(status('active')),
    fc.constant(pool('stopPool')),
    fc.constant(pool('startPool')),
  ],
  { maxCommands: 16 },
);

/** Everything that stood in the way is gone: each task comes to the end that the model knows, and what is stored agrees. */
export async function settle({ tasks }: Model, world: World): Promise<void> {
  const { market, agents } = world;
  await world.startPool();
  for (const agent of agents) await market.admin.changeAgent(agent, { status: 'active' });
  for (const task of tasks) open(task);
  const ended = await Promise.all(tasks.map((task) => market.ended(task.id ?? '')));
  for (const [index, task] of tasks.entries()) expectEnd(task, ended[index]!);
  await expectRest(world);
}

function expectEnd({ cancelled, failures, body }: Known, { status: end, subtasks }: TaskView): void {
  const failed = failures >= (body.maxAttempts ?? 0);
  expect(end).toBe(cancelled ? 'cancelled' : failed ? 'failed' : 'completed');
  if (end === 'completed') expect(subtasks.map((subtask) => subtask.attempt)).toEqual(subtasks.map(() => failures + 1));
}

/** Nothing is left to do, and the checks of the fault suite hold: entries, reputations, results, numbers of events, epochs. */
async function expectRest({ market }: World): Promise<void> {
  const ask = async <Row>(statement: string) => (await sql.raw<Row>(statement).execute(market.db)).rows;
  const evidence = { site: { postgres: { ask } } };
  for (const check of sqlChecks) {
    await expect
      .poll(() => check.find(evidence), { timeout: 15_000, message: `${check.id}: ${check.says}` })
      .toEqual([]);
  }
}
