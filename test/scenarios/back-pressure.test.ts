import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { defineAgent } from '../../src/index.ts';
import type { SwarmbidClient } from '../../src/sdk/index.ts';
import { startMarket, type Market } from '../support/market.ts';

const WAITING = { type: 'wait', requiredSkills: ['patience'] };

let market: Market;
let ada: SwarmbidClient;
let bob: SwarmbidClient;
const { promise: released, resolve: release } = Promise.withResolvers<undefined>();

beforeAll(async () => {
  market = await startMarket({
    transport: 'Redis',
    agents: [
      defineAgent({
        id: 'patient',
        skills: ['patience'],
        capacity: 1,
        execute: async () => {
          await released;
          return {};
        },
      }),
    ],
    env: { MAX_OPEN_TASKS: '4', MAX_OPEN_TASKS_PER_OWNER: '3' },
  });
  const key = async (ownerId: string) => (await market.admin.createKey({ role: 'submitter', ownerId })).key;
  ada = market.client(await key('ada'));
  bob = market.client(await key('bob'));
});
afterAll(() => market.stop());

/** Without the client in between, which would try again. */
async function refused(client: string): Promise<{ status: number; code: unknown; retryAfter: string | null }> {
  const answer = await fetch(`${market.url}/v1/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${client}`, 'content-type': 'application/json' },
    body: JSON.stringify(WAITING),
  });
  const { code } = (await answer.json()) as { code?: unknown };
  return { status: answer.status, code, retryAfter: answer.headers.get('retry-after') };
}

it('an owner at its limit is 429, a full market 503 before it accepts, accepted work goes on, and then there is room again', async () => {
  const { key: adas } = await market.admin.createKey({ role: 'submitter', ownerId: 'ada' });
  const { key: cems } = await market.admin.createKey({ role: 'submitter', ownerId: 'cem' });
  const accepted = [await ada.submit(WAITING), await ada.submit(WAITING), await ada.submit(WAITING)];
  expect(await refused(adas)).toEqual({ status: 429, code: 'RATE_LIMITED', retryAfter: '2' });
  accepted.push(await bob.submit(WAITING));
  expect(await refused(cems)).toEqual({ status: 503, code: 'OVERLOADED', retryAfter: '2' });
  expect((await market.admin.tasks()).items).toHaveLength(accepted.length);

  release(undefined);
  for (const { id } of accepted) expect((await market.ended(id)).status).toBe('completed');
  await vi.waitFor(async () => expect((await refused(cems)).status).toBe(202), { timeout: 15_000 });
});
