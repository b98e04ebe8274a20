/**
 * Who may do what: the one table of every route and every event that a client may send. A route that is not in it keeps the
 * server from being built, and an event that is not in it is never heard.
 */
import type { Role } from './access.ts';

/** `anyone` needs no key; `submitter` lets submitters and admins in; `admin` admins alone. */
export type Access = 'anyone' | 'submitter' | 'admin';

/** By method and path as registered; a path that ends in `/*` stands for all below it, and HEAD goes with GET. */
export const ROUTES: Readonly<Record<string, Access>> = {
  'POST /v1/tasks': 'submitter',
  'GET /v1/tasks': 'submitter',
  'GET /v1/tasks/:id': 'submitter',
  'GET /v1/tasks/:id/events': 'submitter',
  'GET /v1/tasks/:id/award': 'submitter',
  'GET /v1/tasks/:id/messages': 'submitter',
  'POST /v1/tasks/:id/cancel': 'submitter',
  'POST /v1/tasks/:id/feedback': 'submitter',
  'POST /v1/tasks/:id/decision': 'submitter',
  'GET /v1/skills': 'submitter',
  'PUT /v1/skills/:id': 'admin',
  'GET /v1/tools': 'submitter',
  'GET /v1/tools/:id/versions': 'submitter',
  'PUT /v1/tools/:id': 'admin',
  'DELETE /v1/tools/:id': 'admin',
  'GET /v1/tasks/:id/handoffs': 'submitter',
  'GET /v1/agents/:id/memories': 'submitter',
  'DELETE /v1/agents/:id/memories': 'submitter',
  'DELETE /v1/agents/:id/memories/:memoryId': 'submitter',
  'GET /v1/admin/handoffs': 'admin',
  'GET /v1/agents': 'submitter',
  'POST /v1/agents': 'admin',
  'GET /v1/agents/:id': 'submitter',
  'PATCH /v1/agents/:id': 'admin',
  'DELETE /v1/agents/:id': 'admin',
  'GET /v1/agents/:id/reputation': 'submitter',
  'GET /v1/admin/reputation/leaderboard': 'admin',
  'GET /v1/admin/reputation/tiers': 'admin',
  'GET /v1/admin/reputation/movers': 'admin',
  'GET /v1/admin/stats': 'admin',
  'GET /v1/admin/stats/series': 'admin',
  'GET /v1/admin/audit': 'admin',
  'GET /v1/admin/keys': 'admin',
  'POST /v1/admin/keys': 'admin',
  'DELETE /v1/admin/keys/:id': 'admin',
  'GET /v1/admin/owners/:ownerId/export': 'admin',
  'DELETE /v1/admin/owners/:ownerId/data': 'admin',
  'GET /admin/queues': 'admin',
  'GET /admin/queues/*': 'admin',
  'GET /': 'anyone',
  'GET /assets/*': 'anyone',
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /metrics': 'anyone',
  'GET /openapi.json': 'anyone',
  'GET /docs': 'anyone',
  'GET /docs/*': 'anyone',
  'OPTIONS *': 'anyone',
};

/** The row of a route; undefined where it has none. */
export function accessTo(method: string, path: string): Access | undefined {
  const name = `${method === 'HEAD' ? 'GET' : method} ${path}`;
  const below = Object.keys(ROUTES).find((row) => row.endsWith('/*') && name.startsWith(row.slice(0, -1)));
  return ROUTES[name] ?? (below === undefined ? undefined : ROUTES[below]);
}

/** By namespace of the live feed: who may connect, and what a connected client may send. */
export const NAMESPACES = {
  '/tasks': { connect: 'submitter', events: { watch: 'submitter', unwatch: 'submitter' } },
  '/admin': { connect: 'admin', events: {} },
} as const satisfies Record<string, { connect: Access; events: Record<string, Access> }>;

export type Namespace = keyof typeof NAMESPACES;

export function admits(access: Access, role: Role): boolean {
  return access === 'anyone' || role === 'admin' || (role === 'submitter' && access === 'submitter');
}
