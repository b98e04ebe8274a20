import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Actor } from '../support/actor.ts';
import { ADMIN_KEY, startMarket, TRANSPORTS, type Market } from '../support/market.ts';

const basic = (password: string) => ({ authorization: `Basic ${Buffer.from(`any:${password}`).toString('base64')}` });

describe.each(TRANSPORTS)('the board of queues on %s', (transport) => {
  let market: Market;
  beforeAll(async () => {
    market = await startMarket({ transport, agents: [new Actor({ id: 'worker', skills: ['work'] })] });
    await market.run({ type: 'work', requiredSkills: ['work'] });
  });
  afterAll(() => market.stop());

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(`${market.url}/admin/queues${path}`, { method, headers });

  it('asks a browser for an admin key as password, and lets nobody else in', async () => {
    const nobody = await get('/');
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toContain('Basic realm=');
    expect((await get('/api/queues', basic('sb_wrong'))).status).toBe(401);
    const { key } = await market.admin.createKey({ role: 'submitter' });
    expect((await get('/', basic(key))).status).toBe(403);
    const page = await get('/', basic(ADMIN_KEY));
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const [script = ''] = /static\/js\/main[^"]+/.exec(await page.text()) ?? [];
    expect((await get(`/${script}`, basic(ADMIN_KEY))).status).toBe(200);
    expect((await get(`/${script}`)).status).toBe(401);
  });

  it('shows the queue of each pool and that of syntheses, with the jobs in them', async () => {
    const response = await get('/api/queues?activeQueue=work.worker&page=1&jobsPerPage=10', basic(ADMIN_KEY));
    const { queues } = (await response.json()) as { queues: { name: string; counts: object; readOnlyMode: boolean }[] };
    expect(queues.map((queue) => queue.name).sort()).toEqual(['synthesis', 'work.worker']);
    expect(queues.find((queue) => queue.name === 'work.worker')).toMatchObject({
      readOnlyMode: true,
      counts: { completed: 1, failed: 0 },
    });
  });

  it('changes nothing: a request to pause a queue, or to clean it, finds no route', async () => {
    for (const path of [
      '/api/queues/pause',
      '/api/queues/work.worker/pause',
      '/api/queues/work.worker/clean/completed',
    ]) {
      expect([path, (await get(path, basic(ADMIN_KEY), 'PUT')).status]).toEqual([path, 404]);
    }
  });
});
