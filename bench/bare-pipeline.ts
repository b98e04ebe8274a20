/**
 * What the market is compared with: the same parts and none of its rules. POST inserts a row and adds a job; a worker takes
 * the job and updates the row; a socket says that it is done. One statement and one command at a time, as such a pipeline is
 * written by hand: nothing is announced, checked, recorded, or safe from a crash between the insert and the job.
 */
import { FlowProducer, Queue, Worker, type Job } from 'bullmq';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import pg from 'pg';
import { Server } from 'socket.io';
import { uuidv7 } from '../src/util/uuid.ts';
import { startProfile, stopProfile } from './cpu-profile.ts';
import { answerParent } from './parent-link.ts';

const CONNECTIONS = 12;
const CONCURRENCY = 100;
const PREFIX = 'bare';
const WORK = 'work';
const JOIN = 'join';
const PARTS = 3;
const removal = { removeOnComplete: { age: 600, count: 10_000 }, removeOnFail: { age: 600, count: 10_000 } };

const taskSchema = {
  type: 'object',
  required: ['type', 'requiredSkills'],
  properties: {
    type: { type: 'string' },
    requiredSkills: { type: 'array', items: { type: 'string' } },
    data: { type: 'object' },
  },
} as const;

interface Submitted {
  type: string;
  requiredSkills: string[];
  data?: Record<string, unknown>;
}

let stop: () => Promise<void> = () => Promise.resolve();

async function start({ databaseUrl, redisUrl }: { databaseUrl: string; redisUrl: string }): Promise<string> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
  await pool.query(`create table task (id uuid primary key, type text not null, status text not null, data jsonb not null,
    result jsonb, created_at timestamptz not null default clock_timestamp(), finished_at timestamptz);
    create index task_open on task (status) where status <> 'completed'`);
  const place = { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), prefix: PREFIX };
  const queue = new Queue(WORK, { ...place, defaultJobOptions: { attempts: 1, ...removal } });
  const flows = new FlowProducer(place);
  const app = fastify();
  const io = new Server(app.server);

  app.post<{ Body: Submitted }>('/tasks', { schema: { body: taskSchema } }, async (request, reply) => {
    const { type, requiredSkills, data = {} } = request.body;
    const id = uuidv7();
    await pool.query(`insert into task (id, type, status, data) values ($1, $2, 'accepted', $3)`, [
      id,
      type,
      JSON.stringify(data),
    ]);
    if (requiredSkills.length < PARTS) await queue.add('task', { id, last: true }, { jobId: id });
    else await flows.add(flowOf(id, requiredSkills));
    return reply.code(202).send({ id, type, requiredSkills, data, status: 'accepted' });
  });

  const complete = async ({ data }: Job<{ id: string; last: boolean }>) => {
    if (!data.last) return;
    const result = JSON.stringify({ done: true });
    await pool.query(
      `update task set status = 'completed', result = $2, finished_at = clock_timestamp() where id = $1`,
      [data.id, result],
    );
    io.emit('completed', data.id);
  };
  const workers = [WORK, JOIN].map(
    (name) => new Worker(name, complete, { ...place, concurrency: CONCURRENCY, ...removal }),
  );
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  stop = async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    await io.close();
    await app.close();
    await Promise.all([queue.close(), flows.close()]);
    place.connection.disconnect();
    await pool.end();
  };
  return app.listen({ host: '127.0.0.1', port: 0 });
}

/** A parent that waits for its parts, as BullMQ has it. */
function flowOf(id: string, skills: readonly string[]) {
  const part = (skill: string) => ({
    name: skill,
    queueName: WORK,
    data: { id, last: false },
    opts: { attempts: 1, ...removal },
  });
  return {
    name: 'join',
    queueName: JOIN,
    data: { id, last: true },
    opts: { jobId: id, ...removal },
    children: skills.map(part),
  };
}

answerParent({
  start: (stores) => start(stores as { databaseUrl: string; redisUrl: string }),
  stop: () => stop(),
  'max-rss-kib': () => process.resourceUsage().maxRSS,
  'start-profile': startProfile,
  'stop-profile': stopProfile,
});
