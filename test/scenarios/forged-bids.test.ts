import { afterAll, beforeAll, expect, it } from 'vitest';
import { busKeys, createPostgresEventBus, poolCredential, type EventBus } from '../../src/bus/index.ts';
import { channels } from '../../src/bus/names.ts';
import { announceMessageSchema } from '../../src/contracts/bus-messages.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { startMarket, type Market } from '../support/market.ts';

const POOL_SECRET = 'the secret of this market';
const EVIL = { id: 'evil-1', pool: 'evil' };

let market: Market;
let bus: EventBus;
beforeAll(async () => {
  const ann = { id: 'ann', skills: ['writing'], execute: () => 'done' };
  market = await startMarket({ transport: 'PostgreSQL', agents: [ann], env: { POOL_SECRET, SWARMBID_POOL: 'good' } });
  // A live process of a pool of its own, with that pool's credential, and with nothing to lose.
  await market.db
    .insertInto('replica')
    .values({ ...EVIL, heartbeat_at: new Date(Date.now() + 3_600_000) })
    .execute();
  bus = await createPostgresEventBus({
    databaseUrl: market.databaseUrl,
    db: market.db,
    from: EVIL.pool,
    keys: busKeys(poolCredential(POOL_SECRET, EVIL.pool)),
    logger: createLogger('silent'),
    metrics: createMetrics(),
  });
  await bus.subscribe(channels.announce, announceMessageSchema, async ({ announcements }, message) => {
    const answers = announcements.map(({ taskId, subtaskId, round }) => ({
      taskId,
      subtaskId,
      round,
      bids: [{ agentId: 'ann', loadPercent: 0, estimatedCostUsd: 666 }],
      passes: [],
      passCounts: {},
    }));
    // In the other pool's name, then in its own for the other pool's agent.
    await message.reply({ pool: 'good', replicaId: EVIL.id, answers, last: false });
    await message.reply({ pool: EVIL.pool, replicaId: EVIL.id, answers, last: true });
  });
});
afterAll(async () => {
  await bus.close();
  await market.stop();
});

it("a pool cannot bid for another pool's agent, in that pool's name or in its own", async () => {
  await bus.publish(channels.directory, { changed: 'agents' });
  await expect
    .poll(
      async () => {
        const task = await market.run({ type: 'letter', requiredSkills: ['writing'] });
        expect(task.team).toMatchObject([{ agentId: 'ann' }]);
        const [first] = (await market.admin.award(task.id)).rounds;
        return first?.bids.map(({ agentId, pool, refused, estimatedCostUsd }) => [
          agentId,
          pool,
          refused,
          estimatedCostUsd,
        ]);
      },
      { timeout: 15_000 },
    )
    .toEqual([
      ['ann', 'good', undefined, undefined],
      ['ann', 'evil', 'UNKNOWN_AGENT', 666],
    ]);
  const metrics = await market.admin.metrics();
  expect(metrics).toMatch(/swarmbid_bus_dropped_total\{channel="reply",reason="sender"\} [1-9]/);
});
