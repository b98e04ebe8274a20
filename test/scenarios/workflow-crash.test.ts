import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Supervised } from '../faults/supervised.ts';
import { Actor } from '../support/actor.ts';
import { freePort } from '../support/free-port.ts';
import { startMarket, type Market } from '../support/market.ts';

const PATIENCE_MS = 60_000;

/** The API and the agents live on in this process; the orchestrator is one of its own, to be killed. */
let market: Market;
let orchestrator: Supervised;
const worker = new Actor({ id: 'worker', skills: ['work'] });

beforeAll(async () => {
  market = await startMarket({ transport: 'Redis', agents: [worker], env: { SWARMBID_ROLES: 'api,agents' } });
  orchestrator = new Supervised({
    name: 'orchestrator',
    root: path.resolve(import.meta.dirname, '../..'),
    args: ['up', '--roles', 'orchestrator'],
    env: { ...process.env, ...market.env, SWARMBID_ROLES: 'orchestrator', PORT: String(await freePort()) },
    storesAway: () => false,
  });
  orchestrator.start();
  await orchestrator.up();
});

afterAll(async () => {
  await orchestrator.stop();
  await market.stop();
});

it.each([
  ['has settled a condition', 'after-settle_conditions:1'],
  ['is about to settle the second delivery', 'before-deliver:2'],
])(
  'an orchestrator that is killed when it %s: the next one goes on from there, and each step is rewarded once',
  async (_when, point) => {
    worker.act = ({ stepId, dependencies }) => ({ [stepId!]: dependencies });
    const crashed = orchestrator.crashAt(point, PATIENCE_MS);
    const { id } = await market.submit({
      type: 'crash',
      steps: [
        { id: 'a', skills: ['work'] },
        { id: 'b', skills: ['work'], dependsOn: ['a'], when: '$exists(deliveries.a)' },
        { id: 'c', skills: ['work'], dependsOn: ['b', 'a'] },
      ],
    });
    expect(await crashed).toBe(true);
    const task = await market.ended(id);
    expect(task).toMatchObject({ status: 'completed', result: { success: true } });
    const [a, b] = [{ a: {} }, { b: { a: { a: {} } } }];
    expect(task.result!.sections).toMatchObject({ a, b, c: { c: { a, b } } });
    const changes = await market.changes(id, 3);
    expect(changes.map(({ subtaskId, delta }) => [subtaskId, delta]).toSorted()).toEqual(
      [0, 1, 2].map((ord) => [`${id}-${ord}`, 5]),
    );
    const { items } = await market.admin.events(id, { limit: 200 });
    expect(items.map((event) => event.seq)).toEqual(items.map((_, i) => i + 1));
  },
  120_000,
);
