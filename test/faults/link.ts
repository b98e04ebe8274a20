import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PostgresFrontend, type Commit } from './postgres-frontend.ts';

/** Towards the server, and back. */
export type Direction = 'up' | 'down';

/**
 * How a commit is made ambiguous. `answer-lost`: the server has committed, its answer is thrown away. `cut-behind`: the
 * connection breaks right behind the commit. `cut-before`: the commit never leaves.
 */
export const AMBIGUITIES = ['answer-lost', 'cut-behind', 'cut-before'] as const;
export type Ambiguity = (typeof AMBIGUITIES)[number];

/** Laid on any number of links, it catches one commit. */
export interface Ambush {
  commit: Commit;
  how: Ambiguity;
  sprung: boolean;
  onSprung: () => void;
}

interface Pair {
  client: Socket;
  server: Socket;
  /** What has stalled in each direction, in order; undefined: it flows. */
  stalled: Record<Direction, Buffer[] | undefined>;
  frontend: PostgresFrontend | undefined;
  /** What is late in each direction, in order. */
  late: Record<Direction, Buffer[]>;
  /** The answer to this is thrown away, and with it the connection. */
  unanswered: Commit | undefined;
}

/** A loopback TCP proxy between one process and one server, which can be made slow, deaf, cut or treacherous. */
export class Link {
  readonly name: string;
  readonly #targetPort: number;
  readonly #speaksPostgres: boolean;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #ambushes: Ambush[] = [];
  #latencyMs = 0;
  #refusing = false;

  private constructor(name: string, targetPort: number, speaksPostgres: boolean) {
    this.name = name;
    this.#targetPort = targetPort;
    this.#speaksPostgres = speaksPostgres;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async open(name: string, targetPort: number, speaks: 'postgres' | 'anything'): Promise<Link> {
    const link = new Link(name, targetPort, speaks === 'postgres');
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Each piece of data is so late from now on. */
  slow(latencyMs: number): void {
    this.#latencyMs = latencyMs;
  }

  /** Nothing gets through in this direction and nobody is told; what was sent arrives after `heal`. */
  stall(direction: Direction): void {
    for (const pair of this.#pairs) pair.stalled[direction] ??= [];
  }

  /** The peers of all connections that stand now are gone without a word, for ever; new connections are well. */
  halfOpen(): void {
    for (const pair of this.#pairs) {
      pair.server.destroy();
      pair.stalled = { up: [], down: [] };
      pair.client.removeAllListeners('data').resume();
    }
  }

  /** Resets all connections. */
  reset(): void {
    for (const pair of this.#pairs) breakOff(pair);
  }

  /** Resets all connections and takes no new ones until `heal`. */
  cut(): void {
    this.#refusing = true;
    this.reset();
  }

  /** The next commit of its kind has an outcome that its sender does not learn. */
  lay(ambush: Ambush): void {
    this.#ambushes.push(ambush);
  }

  heal(): void {
    this.#ambushes = [];
    this.#latencyMs = 0;
    this.#refusing = false;
    for (const pair of this.#pairs) {
      for (const direction of ['up', 'down'] as const) {
        const held = pair.stalled[direction];
        pair.stalled[direction] = undefined;
        for (const chunk of held ?? []) target(pair, direction).write(chunk);
      }
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.reset();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#targetPort, '127.0.0.1');
    const frontend = this.#speaksPostgres ? new PostgresFrontend() : undefined;
    const pair: Pair = {
      client,
      server,
      stalled: { up: undefined, down: undefined },
      late: { up: [], down: [] },
      frontend,
      unanswered: undefined,
    };
    this.#pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk: Buffer) => this.#up(pair, chunk));
    server.on('data', (chunk: Buffer) => {
      if (pair.unanswered === undefined) this.#forward(pair, 'down', chunk);
      // a submission is one statement; of a transaction, answers to its first statements may come before
      else if (pair.unanswered === 'submit' || chunk.includes('COMMIT')) breakOff(pair);
    });
    client.on('close', () => {
      this.#pairs.delete(pair);
      server.destroy();
    });
    // A client whose peer has vanished is not told.
    server.on('close', () => {
      if (pair.stalled.down === undefined) client.destroy();
    });
  }

  #up(pair: Pair, chunk: Buffer): void {
    const commits = pair.frontend?.read(chunk) ?? [];
    const ambush = this.#ambushes.find((one) => !one.sprung && commits.includes(one.commit));
    if (ambush === undefined) {
      this.#forward(pair, 'up', chunk);
      return;
    }
    ambush.sprung = true;
    ambush.onSprung();
    if (ambush.how === 'cut-before') breakOff(pair);
    else if (ambush.how === 'answer-lost') {
      pair.unanswered = ambush.commit;
      this.#forward(pair, 'up', chunk);
    } else pair.server.write(chunk, () => breakOff(pair));
  }

  #forward(pair: Pair, direction: Direction, chunk: Buffer): void {
    const late = pair.late[direction];
    if (this.#latencyMs === 0 && late.length === 0) {
      pass(pair, direction, chunk);
      return;
    }
    late.push(chunk);
    setTimeout(() => pass(pair, direction, late.shift() ?? chunk), this.#latencyMs);
  }
}

/** On to the other side, unless that direction stalls. */
function pass(pair: Pair, direction: Direction, chunk: Buffer): void {
  const held = pair.stalled[direction];
  if (held === undefined) target(pair, direction).write(chunk);
  else held.push(chunk);
}

function target(pair: Pair, direction: Direction): Socket {
  return direction === 'up' ? pair.server : pair.client;
}

function breakOff({ client, server }: Pair): void {
  client.resetAndDestroy();
  server.destroy();
}
