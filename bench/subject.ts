import autocannon from 'autocannon';
import pg from 'pg';
import { io, type Socket } from 'socket.io-client';
import { Child } from './child.ts';
import { ADMIN_KEY, type MarketPlan, type PoolPlan } from './market-plan.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stores } from './stores.ts';

export const SUBMITTERS = 64;
const POLL_MS = 50;

export interface TaskBody {
  type: string;
  requiredSkills: string[];
  complexity?: string;
  data?: Record<string, unknown>;
}

/** Something that takes tasks over HTTP and completes them: the market, or the bare pipeline. */
export interface Subject {
  child: Child;
  db: pg.Pool;
  /** Where tasks are posted. */
  url: string;
  /** Milliseconds from sending one task to hearing that it is completed. */
  complete(body: TaskBody): Promise<number>;
  /** Waits until nothing is left to do; the number of completed tasks of the type. */
  drain(type: string): Promise<number>;
  stop(): Promise<void>;
}

const headers = { 'content-type': 'application/json', authorization: `Bearer ${ADMIN_KEY}` };

/** A market process (api and orchestrator, or every role) on a database of its own. */
export async function startMarket(
  stores: Stores,
  options: { database: string; roles: MarketPlan['roles']; pools: PoolPlan[] },
): Promise<Subject & { plan: Omit<MarketPlan, 'roles' | 'pools'> }> {
  const plan = { databaseUrl: await stores.freshDatabase(options.database), redisUrl: stores.redisUrl };
  const child = new Child('market.ts');
  const origin = await child.ask<string>('start', { ...plan, roles: options.roles, pools: options.pools });
  const socket = await connect(`${origin}/tasks`);
  const completions = new Completions();
  socket.on('event', ({ taskId, type }: { taskId: string; type: string }) => {
    if (type === 'task.completed') completions.resolve(taskId);
  });
  const onSubmitted = (taskId: string) => socket.emit('watch', { taskId }, () => undefined);
  const subject = openSubject(child, plan.databaseUrl, `${origin}/v1/tasks`, { socket, completions, onSubmitted });
  return {
    ...subject,
    plan,
    drain: async (type) => {
      await until(subject.db, 'select not exists (select 1 from ledger where fold_seq is null) as done');
      return subject.drain(type);
    },
  };
}

export async function startBarePipeline(stores: Stores, database: string): Promise<Subject> {
  const databaseUrl = await stores.freshDatabase(database);
  const child = new Child('bare-pipeline.ts');
  const origin = await child.ask<string>('start', { databaseUrl, redisUrl: stores.redisUrl });
  const socket = await connect(origin);
  const completions = new Completions();
  socket.on('completed', (taskId: string) => completions.resolve(taskId));
  return openSubject(child, databaseUrl, `${origin}/tasks`, { socket, completions, onSubmitted: () => undefined });
}

function openSubject(
  child: Child,
  databaseUrl: string,
  url: string,
  feed: { socket: Socket; completions: Completions; onSubmitted: (taskId: string) => unknown },
): Subject {
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  return {
    child,
    db,
    url,
    complete: async (body) => {
      const startedAt = performance.now();
      const { id } = await post(url, body);
      feed.onSubmitted(id);
      await feed.completions.of(id);
      return performance.now() - startedAt;
    },
    drain: async (type) => {
      await until(
        db,
        `select not exists (select 1 from task where status in ('accepted', 'announced', 'awarded', 'running', 'synthesizing')) as done`,
      );
      const { rows } = await db.query<{ count: number }>(
        `select count(*)::int as count from task where type = $1 and status = 'completed'`,
        [type],
      );
      return rows[0]?.count ?? 0;
    },
    stop: async () => {
      feed.socket.disconnect();
      await db.end();
      await child.stop();
    },
  };
}

async function connect(url: string): Promise<Socket> {
  const socket = io(url, { auth: { token: ADMIN_KEY }, transports: ['websocket'] });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

/** Of tasks by id: a completion may be heard before the answer to the submission. */
class Completions {
  private readonly promises = new Map<string, PromiseWithResolvers<undefined>>();

  async of(id: string): Promise<void> {
    await this.entry(id).promise;
    this.promises.delete(id);
  }

  resolve(id: string): void {
    this.entry(id).resolve(undefined);
  }

  private entry(id: string): PromiseWithResolvers<undefined> {
    const entry = this.promises.get(id) ?? Promise.withResolvers<undefined>();
    this.promises.set(id, entry);
    return entry;
  }
}

export async function post(url: string, body: TaskBody): Promise<{ id: string }> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.status !== 202) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as { id: string };
}

export async function get(url: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(url, { headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`);
  return performance.now() - startedAt;
}

/** Posts `count` tasks from `submitters` connections, the bodies in turn. @throws if any is not accepted */
export async function submit(
  url: string,
  bodies: readonly TaskBody[],
  count: number,
  submitters = SUBMITTERS,
): Promise<void> {
  const texts = bodies.map((body) => JSON.stringify(body));
  let next = 0;
  const result = await autocannon({
    url,
    connections: Math.min(submitters, count),
    amount: count,
    timeout: 60,
    requests: [
      {
        method: 'POST',
        headers,
        setupRequest: (request) => ({ ...request, body: texts[next++ % texts.length] ?? '' }),
      },
    ],
  });
  if (result['2xx'] !== count)
    throw new Error(`${count - result['2xx']} of ${count} submissions to ${url} were not accepted`);
}

async function until(db: pg.Pool, question: string): Promise<void> {
  for (;;) {
    const { rows } = await db.query<{ done: boolean }>(question);
    if (rows[0]?.done === true) return;
    await delay(POLL_MS);
  }
}

/** Submits, waits for all, and returns completed tasks per second, from the first task's row to the last completion. */
export async function throughput(subject: Subject, bodies: readonly TaskBody[], count: number): Promise<number> {
  const [{ type }] = bodies as [TaskBody];
  await submit(subject.url, bodies, count);
  const completed = await subject.drain(type);
  if (completed !== count) throw new Error(`${completed} of ${count} tasks were completed`);
  const { rows } = await subject.db.query<{ seconds: string }>(
    'select extract(epoch from max(finished_at) - min(created_at)) as seconds from task where type = $1',
    [type],
  );
  return count / Number(rows[0]?.seconds);
}
