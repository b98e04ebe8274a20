import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MarketError } from '../contracts/errors.ts';
import type { KeyService } from '../contracts/services.ts';
import { authenticateRequests } from './authentication.ts';
import { HTTP_STATUS, problemOf } from './error-handler.ts';
import { BOARD_HEADERS } from './security-headers.ts';

const PATH = '/admin/queues';
const CHALLENGE = 'Basic realm="Swarmbid queues: any name, an admin key as password", charset="UTF-8"';

/** BullMQ's own queues, as they are now: pools come and go. */
export type OpenQueues = () => Promise<unknown[]>;

/**
 * Bull Board, to look only: what the queues carry is the market's to change. A browser cannot send a Bearer key of its own
 * accord, so here it is the password of HTTP Basic; nothing can be changed, so a foreign page gains nothing by sending it.
 */
export async function queueBoardRoutes(
  app: FastifyInstance,
  deps: { keys: KeyService; failedPerMinute: number; openQueues: OpenQueues },
): Promise<void> {
  await app.register(rateLimit, { global: false });
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(BOARD_HEADERS);
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (reply.statusCode === 401) void reply.header('www-authenticate', CHALLENGE);
    done();
  });
  authenticateRequests(app, deps.keys, deps.failedPerMinute, passwordOf);
  const serverAdapter = new LookingAdapter();
  serverAdapter.setBasePath(PATH);
  const board = createBullBoard({
    queues: [],
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Swarmbid queues' } },
  });
  app.addHook('preHandler', async (request) => {
    if (!request.routeOptions.url?.startsWith(`${PATH}/api/`)) return;
    const queues = await deps.openQueues();
    board.setQueues(queues.map((queue) => new BullMQAdapter(queue as never, { readOnlyMode: true })));
  });
  await app.register(serverAdapter.registerPlugin(), { prefix: PATH });
}

/** Serves what can be read, and tells errors of the market as everywhere else. */
class LookingAdapter extends FastifyAdapter {
  override setApiRoutes(routes: Parameters<FastifyAdapter['setApiRoutes']>[0]): this {
    super.setApiRoutes(routes.filter(({ method }) => [method].flat().every((one) => one === 'get')));
    return this;
  }

  override setErrorHandler(handler: Parameters<FastifyAdapter['setErrorHandler']>[0]): this {
    super.setErrorHandler((error) =>
      error instanceof MarketError
        ? { status: HTTP_STATUS[error.code] as never, body: { ...problemOf(error) } }
        : handler(error),
    );
    return this;
  }
}

/** The password of HTTP Basic, whatever the name; a key as a Bearer is good too. */
function passwordOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [, scheme = '', credentials = ''] = /^(Basic|Bearer) +(\S+) *$/i.exec(header) ?? [];
  if (scheme.toLowerCase() !== 'basic') return credentials;
  return /:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8'))?.[1] ?? '';
}
