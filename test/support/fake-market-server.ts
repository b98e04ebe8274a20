import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import type { TaskEvent, WatchAck } from '../../src/contracts/events.ts';

export interface FakeRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Sent as JSON, or as it is where it is a string. */
  body?: unknown;
  /** True: the connection is broken off without an answer. */
  breakOff?: boolean;
}

export interface FakeMarketServer {
  url: string;
  /** All requests that came, in order. */
  requests: FakeRequest[];
  close(): Promise<void>;
}

export interface FakeFeed {
  /** Refuses the connection with this code. */
  refuse?(token: unknown): string | undefined;
  /** Called for every `watch` that comes. */
  onWatch(watch: { socket: Socket; taskId: string; afterSeq: number; ack: (answer: WatchAck) => void }): void;
}

/** A server that speaks the market's protocols and says what a test tells it to. */
export async function startFakeMarketServer(
  answer: (request: FakeRequest) => FakeAnswer,
  feed?: FakeFeed,
): Promise<FakeMarketServer> {
  const requests: FakeRequest[] = [];
  const server = createServer((incoming, response) => {
    void readRequest(incoming).then((request) => {
      requests.push(request);
      const { status = 200, headers = {}, body, breakOff = false } = answer(request);
      if (breakOff) incoming.socket.destroy();
      else response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  const io = feed === undefined ? undefined : attachFeed(new Server(server), feed);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: async () => {
      await io?.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  const { method = '', url = '', headers } = incoming;
  return { method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) };
}

function attachFeed(io: Server, feed: FakeFeed): Server {
  const tasks = io.of('/tasks');
  tasks.use((socket, next) => {
    const code = feed.refuse?.(socket.handshake.auth.token);
    if (code === undefined) next();
    else next(Object.assign(new Error(code), { data: { code } }));
  });
  tasks.on('connection', (socket) => {
    socket.on(
      'watch',
      ({ taskId, afterSeq = 0 }: { taskId: string; afterSeq?: number }, ack: (answer: WatchAck) => void) => {
        feed.onWatch({ socket, taskId, afterSeq, ack });
      },
    );
  });
  return io;
}

/** `count` events of one task from `seq` 1, the last one `task.completed`. */
export function taskEvents(taskId: string, count: number): TaskEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    seq: index + 1,
    taskId,
    type: index === count - 1 ? 'task.completed' : 'subtask.progress',
    at: new Date(index).toISOString(),
    data: {},
  }));
}
