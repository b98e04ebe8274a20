import { setTimeout as delay } from 'node:timers/promises';
import type { FaultKind, Scene } from './fault.ts';

const OUTAGE_MS = 60_000;
const PAUSE_MS = [300, 1_500] as const;
/** Less than Redis has in use: it takes no more. */
const FULL_BYTES = 1_000_000;

/** A store is away meanwhile, and then some time passes in which work can go on. */
async function away(scene: Scene, work: () => Promise<void>): Promise<boolean> {
  const { site, random } = scene;
  site.storesAway = true;
  await work();
  site.storesAway = false;
  await delay(random.int(...PAUSE_MS));
  return true;
}

const redisKill = (name: string, wipe: boolean): FaultKind => ({
  name,
  amount: 50,
  inflict: (scene) =>
    away(scene, async () => {
      const { site, random } = scene;
      await site.redis.kill(wipe);
      await delay(random.int(50, 1_500));
      await site.redis.start();
    }),
});

const redisOutage: FaultKind = {
  name: 'redis-outage',
  amount: 5,
  inflict: (scene) =>
    away(scene, async () => {
      await scene.site.redis.kill(true);
      await delay(OUTAGE_MS);
      await scene.site.redis.start();
    }),
};

const redisFlush: FaultKind = {
  name: 'redis-flushall',
  amount: 50,
  inflict: async ({ site, random }) => {
    await site.redis.flush();
    await delay(random.int(...PAUSE_MS));
    return true;
  },
};

const redisFull: FaultKind = {
  name: 'redis-full',
  amount: 5,
  inflict: async ({ site, random }) => {
    await site.redis.limitMemory(FULL_BYTES);
    await delay(random.int(2_000, 5_000));
    await site.redis.limitMemory(0);
    return true;
  },
};

const postgresStop = (mode: 'immediate' | 'fast', amount: number): FaultKind => ({
  name: `postgres-stop-${mode}`,
  amount,
  inflict: (scene) =>
    away(scene, async () => {
      const { site, random } = scene;
      await site.postgres.stop(mode);
      await delay(random.int(50, 1_500));
      await site.postgres.start();
    }),
});

const postgresOutage: FaultKind = {
  name: 'postgres-outage',
  amount: 5,
  inflict: (scene) =>
    away(scene, async () => {
      await scene.site.postgres.stop('immediate');
      await delay(OUTAGE_MS);
      await scene.site.postgres.start();
    }),
};

const postgresTerminate: FaultKind = {
  name: 'postgres-terminate-backends',
  amount: 30,
  inflict: (scene) => away(scene, () => scene.site.postgres.terminateBackends()),
};

export const storeFaults: FaultKind[] = [
  redisKill('redis-kill-aof', false),
  redisKill('redis-kill-wiped', true),
  redisFlush,
  redisFull,
  postgresStop('immediate', 50),
  postgresStop('fast', 20),
  postgresTerminate,
];

/** A minute each. */
export const outageFaults: FaultKind[] = [redisOutage, postgresOutage];
