import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { CHANNEL_PREFIX, channels, QUEUE_PREFIX, SYNTHESIS_QUEUE, workQueue } from '../../src/bus/names.ts';
import { POISONS } from './agents.ts';
import type { FaultKind, Scene } from './fault.ts';
import type { Random } from './random.ts';

const BATCH = 500;
const ECHO_MS = 3_000;
const ECHOES = 3;

async function addJobs(scene: Scene, name: string, jobs: readonly unknown[]): Promise<void> {
  const connection = { host: '127.0.0.1', port: scene.site.redis.port };
  const queue = new Queue(name, { connection, prefix: QUEUE_PREFIX });
  queue.on('error', () => undefined);
  try {
    await queue.addBulk(
      jobs.map((data) => ({ name: 'forged', data, opts: { removeOnComplete: true, removeOnFail: true } })),
    );
  } finally {
    await queue.close();
  }
}

/** Jobs of attempts and syntheses past and present, under ids of their own, in any order. */
const duplicatedJobs: FaultKind = {
  name: 'jobs-duplicated',
  amount: 20,
  inflict: async (scene) => {
    const { site, random } = scene;
    const attempts = await site.postgres.ask(
      `select 'subtask' as kind, subtask_id as "subtaskId", epoch from attempt where pool = 'workers' order by awarded_at desc limit $1`,
      [BATCH / 2],
    );
    const syntheses = await site.postgres.ask(
      `select 'synthesis' as kind, id as "taskId", epoch from task where epoch > 0 order by id desc limit $1`,
      [BATCH / 2],
    );
    await addJobs(scene, workQueue('workers'), random.shuffled([...attempts, ...attempts]));
    await addJobs(scene, SYNTHESIS_QUEUE, random.shuffled([...syntheses, ...syntheses]));
    return true;
  },
};

const malformedJobs: FaultKind = {
  name: 'jobs-malformed',
  amount: 20,
  inflict: async (scene) => {
    const jobs = Array.from({ length: BATCH / 2 }, () => garbage(scene.random));
    await addJobs(scene, workQueue('workers'), jobs);
    await addJobs(scene, SYNTHESIS_QUEUE, jobs);
    return true;
  },
};

const malformedMessages: FaultKind = {
  name: 'messages-malformed',
  amount: 20,
  inflict: ({ site, random }) =>
    site.redis.with(async (redis) => {
      const names = [channels.announce, channels.work, channels.events, channels.revoke, channels.directory];
      const all = redis.pipeline();
      for (let sent = 0; sent < BATCH; sent++) {
        const text = JSON.stringify(random.chance(0.5) ? garbage(random) : envelope(garbage(random)));
        const torn = random.chance(0.2) ? text.slice(0, random.int(0, text.length)) : text;
        all.publish(CHANNEL_PREFIX + random.pick(names), torn);
      }
      await all.exec();
      return true;
    }),
};

/** Whatever is said on the bus is said three times more, later and in another order. */
const echoedMessages: FaultKind = {
  name: 'messages-echoed',
  amount: 20,
  inflict: ({ site, random }) =>
    site.redis.with((sender) =>
      site.redis.with(async (listener) => {
        const heard = new Set<string>();
        listener.on('pmessage', (_pattern: string, channel: string, text: string) => {
          if (heard.has(text)) return;
          heard.add(text);
          for (let echo = 0; echo < ECHOES; echo++) {
            setTimeout(() => void sender.publish(channel, text).catch(() => undefined), random.int(0, 1_500));
          }
        });
        await listener.psubscribe(`${CHANNEL_PREFIX}*`);
        await delay(ECHO_MS);
        await listener.punsubscribe();
        await delay(1_500);
        return true;
      }),
    ),
};

/** Served by a pool of its own: what ends its process or blocks it must not reach the others. */
const poison: FaultKind = {
  name: 'poison',
  amount: 50,
  inflict: async ({ driver, random }) => {
    driver.poison(random.pick(POISONS));
    await delay(random.int(100, 1_000));
    return true;
  },
};

function envelope(payload: unknown) {
  return { v: 1, id: 'forged', from: 'nobody', at: 0, payload };
}

function garbage(random: Random, depth = 0): unknown {
  const leaf = [null, 0, -1, 1e308, '', 'x'.repeat(1_000), '\u0000', true, '__proto__'];
  if (depth > 3 || random.chance(0.4)) return random.pick(leaf);
  if (random.chance(0.3)) return Array.from({ length: random.int(0, 5) }, () => garbage(random, depth + 1));
  const names = [
    'kind',
    'subtaskId',
    'epoch',
    'taskId',
    'kinds',
    'lastSeq',
    'attempts',
    'announcements',
    'payload',
    'v',
  ];
  return Object.fromEntries(
    Array.from({ length: random.int(0, 6) }, () => [random.pick(names), garbage(random, depth + 1)]),
  );
}

export const messageFaults: FaultKind[] = [duplicatedJobs, malformedJobs, malformedMessages, echoedMessages];
export const poisonFaults: FaultKind[] = [poison];
