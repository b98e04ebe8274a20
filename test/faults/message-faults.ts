import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { z } from 'zod';
import { busKeys } from '../../src/bus/bus-keys.ts';
import { createJobQueues } from '../../src/bus/bullmq-job-queues.ts';
import { encodeEnvelope } from '../../src/bus/envelope.ts';
import type { JobData } from '../../src/bus/job-queues.ts';
import { CHANNEL_PREFIX, channels, QUEUE_PREFIX, SYNTHESIS_QUEUE, workQueue } from '../../src/bus/names.ts';
import type { announceMessageSchema, BidsMessage } from '../../src/contracts/bus-messages.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { POISONS } from './agents.ts';
import type { FaultKind, Scene } from './fault.ts';
import type { Random } from './random.ts';

const BATCH = 500;
const ECHO_MS = 3_000;
const ECHOES = 3;

async function addUnsigned(scene: Scene, name: string, jobs: readonly unknown[]): Promise<void> {
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

/** Jobs of attempts and syntheses past and present, as the market itself would add them but for their ids, in any order. */
const duplicatedJobs: FaultKind = {
  name: 'jobs-duplicated',
  amount: 20,
  inflict: async ({ site, random }) => {
    const attempts = await site.postgres.ask<JobData>(
      `select 'subtask' as kind, subtask_id as "subtaskId", epoch from attempt where pool = 'workers' order by awarded_at desc limit $1`,
      [BATCH / 2],
    );
    const syntheses = await site.postgres.ask<JobData>(
      `select 'synthesis' as kind, id as "taskId", epoch from task where epoch > 0 order by id desc limit $1`,
      [BATCH / 2],
    );
    const [known] = await site.postgres.ask<{ secret: string }>('select secret from bus_secret');
    const queues = createJobQueues(
      { redisUrl: `redis://127.0.0.1:${site.redis.port}` },
      {
        keys: busKeys(known?.secret ?? ''),
        leaseMs: site.leaseMs,
        logger: createLogger('silent'),
        metrics: createMetrics(),
      },
    );
    const again = (queue: string) => (data: JobData) => ({ queue, data, jobId: `again_${randomUUID()}` });
    try {
      await queues.add(random.shuffled([...attempts, ...attempts]).map(again(workQueue('workers'))));
      await queues.add(random.shuffled([...syntheses, ...syntheses]).map(again(SYNTHESIS_QUEUE)));
    } finally {
      await queues.close();
    }
    return true;
  },
};

const malformedJobs: FaultKind = {
  name: 'jobs-malformed',
  amount: 20,
  inflict: async (scene) => {
    const jobs = Array.from({ length: BATCH / 2 }, () => garbage(scene.random));
    await addUnsigned(scene, workQueue('workers'), jobs);
    await addUnsigned(scene, SYNTHESIS_QUEUE, jobs);
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

/** What no agent of the suite asks for its work. */
export const FORGED_COST_USD = 666;

/** Somebody at Redis who has no secret bids for agents that are not theirs, whatever is announced. */
const forgedMessages: FaultKind = {
  name: 'messages-forged',
  amount: 20,
  inflict: async ({ site }) => {
    const keys = busKeys('a secret that is not the market’s');
    const agents = await site.postgres.ask<{ id: string }>(`select id from agent where pool = 'workers'`);
    const [replica] = await site.postgres.ask<{ id: string }>(
      `select id from replica where pool = 'workers' order by heartbeat_at desc limit 1`,
    );
    if (replica === undefined) return false;
    const session = randomUUID();
    let number = 0;
    const forge = (announced: string): { channel: string; text: string } | undefined => {
      const heard = announcementIn(announced);
      if (heard === undefined) return undefined;
      const answers = heard.payload.announcements.map(({ taskId, subtaskId, round }) => ({
        taskId,
        subtaskId,
        round,
        bids: agents.map(({ id }) => ({ agentId: id, loadPercent: 0, estimatedCostUsd: FORGED_COST_USD })),
        passes: [],
        passCounts: {},
      }));
      const payload: BidsMessage = { pool: 'workers', replicaId: replica.id, answers, last: true };
      const head = {
        v: 1 as const,
        session,
        number: ++number,
        from: 'workers',
        at: Date.now(),
        correlationId: heard.correlationId,
      };
      return { channel: heard.replyTo, text: encodeEnvelope(keys, heard.replyTo, head, payload) };
    };
    return site.redis.with((sender) =>
      site.redis.with(async (listener) => {
        listener.on('message', (_channel: string, text: string) => {
          const reply = forge(text);
          if (reply) void sender.publish(CHANNEL_PREFIX + reply.channel, reply.text).catch(() => undefined);
        });
        await listener.subscribe(CHANNEL_PREFIX + channels.announce);
        await delay(ECHO_MS);
        return number > 0;
      }),
    );
  },
};

interface HeardAnnouncement {
  correlationId: string;
  replyTo: string;
  payload: z.infer<typeof announceMessageSchema>;
}

function announcementIn(text: string): HeardAnnouncement | undefined {
  try {
    return JSON.parse(text.slice(text.indexOf(' ') + 1)) as HeardAnnouncement;
  } catch {
    // another fault’s garbage
    return undefined;
  }
}

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

export const messageFaults: FaultKind[] = [
  duplicatedJobs,
  malformedJobs,
  malformedMessages,
  echoedMessages,
  forgedMessages,
];
export const poisonFaults: FaultKind[] = [poison];
