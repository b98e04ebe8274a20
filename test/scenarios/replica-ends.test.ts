import path from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { MAX_LOST_LEASES } from '../../src/orchestrator/core/transitions/settlement.ts';
import { Supervised } from '../faults/supervised.ts';
import { Actor, hold } from '../support/actor.ts';
import { freePort } from '../support/free-port.ts';
import { startMarket, type Market } from '../support/market.ts';

/** The pools' processes end here; API and orchestrator live on. */
let market: Market;

beforeEach(async () => {
  const env = { SWARMBID_ROLES: 'api,orchestrator', LEASE_MS: '2000', DRAIN_MS: '0' };
  market = await startMarket({ transport: 'Redis', agents: [], env });
});

afterEach(() => market.stop());

it('a replica that dies with a job that it has not claimed: the job is handed out again within two leases, of the same award', async () => {
  const replica = new Supervised({
    name: 'replica',
    root: path.resolve(import.meta.dirname, '../..'),
    args: ['up', '--agents', path.resolve(import.meta.dirname, '../faults/agents.ts')],
    env: {
      ...process.env,
      ...market.env,
      SWARMBID_ROLES: 'agents',
      SWARMBID_POOL: 'workers',
      PORT: String(await freePort()),
    },
    storesAway: () => false,
  });
  replica.start();
  onTestFinished(() => replica.stop());
  await replica.up();
  const crashed = replica.crashAt('before-claim:1', 60_000);
  const data = { token: 'lost', order: { workMs: 1 } };
  const { id } = await market.submit({ type: 'crash', requiredSkills: ['alpha'], biddingTimeMs: 60_000, data });
  expect(await crashed).toBe(true);
  await market.join('workers', [new Actor({ id: 'alpha-one', skills: ['alpha'] })]);
  expect(await market.ended(id)).toMatchObject({ status: 'completed', subtasks: [{ attempt: 1, epoch: 1 }] });
  // One for each lease that it has waited: one and a half are what BullMQ takes.
  const { requeues } = await market.db.selectFrom('attempt').select('requeues').executeTakeFirstOrThrow();
  expect(requeues).toBeLessThanOrEqual(3);
}, 120_000);

it(`work that its processes handed back when they were stopped is not given up: it may be, more than ${MAX_LOST_LEASES} times`, async () => {
  const { id } = await market.submit({ type: 'long', requiredSkills: ['endure'], biddingTimeMs: 60_000 });
  for (let time = 0; time <= MAX_LOST_LEASES; time += 1) {
    const worker = new Actor({ id: 'worker', skills: ['endure'] }, hold().act);
    const replica = await market.join('workers', [worker]);
    await worker.runs.atLeast(1);
    await replica.stop();
  }
  await market.join('workers', [new Actor({ id: 'worker', skills: ['endure'] })]);
  expect(await market.ended(id)).toMatchObject({ status: 'completed', subtasks: [{ attempt: 1 }] });
  const changes = await market.changes(id, MAX_LOST_LEASES + 2);
  expect(changes.map(({ outcome, reason, delta }) => [outcome, reason, delta])).toEqual([
    ...Array.from({ length: MAX_LOST_LEASES + 1 }, () => ['market_failure', 'HANDED_BACK', 0]),
    ['accepted', null, 5],
  ]);
}, 120_000);
