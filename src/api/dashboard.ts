import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import serveFiles from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { DASHBOARD_HEADERS } from './security-headers.ts';

/** From the sources and from the built package, which lie at different depths. */
const PLACES = ['../../dist/dashboard/', '../../dashboard/'];

const NOT_BUILT = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Swarmbid</title>
<h1>The dashboard is not built</h1>
<p>Run <code>npm run build:dashboard</code> in the market's folder and start the server again.
<p>The API works without it: <a href="docs">its documentation</a>.
</html>
`;

/** The web dashboard at `/`: static files, open to everybody; what it shows it asks of the API with its user's key. */
export async function dashboardRoutes(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(DASHBOARD_HEADERS);
    done();
  });
  const root = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((folder) =>
    existsSync(`${folder}index.html`),
  );
  if (root === undefined) {
    app.get('/', { schema: { hide: true } }, (_request, reply) =>
      reply.code(404).type('text/html; charset=utf-8').send(NOT_BUILT),
    );
    return;
  }
  // the names of assets change with what they hold, so a browser may keep them; the page that names them it may not
  await app.register(serveFiles, {
    root: path.join(root, 'assets'),
    prefix: '/assets/',
    index: false,
    maxAge: '365d',
    immutable: true,
  });
  app.get('/', { schema: { hide: true } }, (_request, reply) =>
    reply.sendFile('index.html', root, { maxAge: 0, immutable: false }),
  );
}
