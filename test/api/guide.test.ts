import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { apiReference, PAGE } from '../../scripts/api-reference.ts';
import { fakeMarket } from './fake-market.ts';

const DOCS = new URL('../../docs/', import.meta.url);
let app: FastifyInstance;
beforeAll(async () => {
  ({ app } = await fakeMarket());
});
afterAll(() => app.close());

test('the guide begins with getting started', async () => {
  const answer = await app.inject('/docs/guide');
  expect([answer.statusCode, answer.headers.location]).toEqual([302, '/docs/guide/getting-started']);
});

test('every page of docs/ is served as HTML under a policy that runs no script, and its links lead to pages and headings that are there', async () => {
  const files = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
  const names = files.map((name) => name.slice(0, -'.md'.length));
  const pages = new Map(
    await Promise.all(names.map(async (name) => [name, await app.inject(`/docs/guide/${name}`)] as const)),
  );
  for (const [name, answer] of pages) {
    expect([name, answer.statusCode]).toEqual([name, 200]);
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/script-src|unsafe/);
    for (const [, page = '', anchor] of answer.payload.matchAll(/href="\/docs\/guide\/([\w-]+)(?:#([^"]+))?"/g)) {
      const target = pages.get(page);
      expect([name, page, target !== undefined]).toEqual([name, page, true]);
      if (anchor !== undefined)
        expect([name, page, anchor, target?.payload.includes(`id="${anchor}"`)]).toEqual([name, page, anchor, true]);
    }
  }
});

test('a page that is not there is NOT_FOUND, and no path leads out of docs/', async () => {
  for (const page of ['nothing', '..%2fpackage', '%2e%2e%2fREADME']) {
    const answer = await app.inject(`/docs/guide/${page}`);
    expect([page, answer.statusCode]).toEqual([page, 404]);
  }
});

test('docs/api-reference.md is what `npm run docs:api` would write', { timeout: 120_000 }, async () => {
  expect(await readFile(PAGE, 'utf8')).toBe(await apiReference());
});
