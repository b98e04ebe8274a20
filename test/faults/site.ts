import { mkdtemp, rm, chmod, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmbidClient } from '../../src/sdk/index.ts';
import { reservePort } from '../support/free-port.ts';
import { Link } from './link.ts';
import { FaultyPostgres } from './postgres.ts';
import { FaultyRedis } from './redis.ts';
import { Supervised } from './supervised.ts';

export const ROLES = ['api', 'orchestrator', 'agents', 'poison'] as const;
export type Role = (typeof ROLES)[number];

const PROCESSES: Record<Role, number> = { api: 2, orchestrator: 2, agents: 3, poison: 1 };
export const PROCESS_COUNT = Object.values(PROCESSES).reduce((sum, count) => sum + count, 0);
const ADMIN_KEY = 'sb_the_admin_key_of_the_fault_suite';
const AGENTS = path.join(import.meta.dirname, 'agents.ts');
const WRONG_CLOCK = path.join(import.meta.dirname, 'wrong-clock.ts');
/** By how much the clock of a role's second, third… process is wrong: time is the database's, so it must not matter. */
const CLOCKS_WRONG_BY_MS: Partial<Record<Role, readonly number[]>> = {
  api: [600_000],
  orchestrator: [-600_000],
  agents: [-600_000, 600_000],
};
/** Those of the Dockerfile: with V8's own, what an outage leaves for the next sweep is taken from the machine and kept. */
const FLAGS_OF_THE_IMAGE = ['--max-semi-space-size=4', '--optimize-for-size'];
const HEAL_POLL_MS = 100;

export interface SiteOptions {
  /** Where `src/` and `migrations/` are: the repository, or a mutated copy. */
  root: string;
  leaseMs: number;
}

export interface Run {
  pid: number;
  key: string;
  run: string;
}

/** A whole market of real processes on real stores, each of its links a proxy that can fail. */
export class Site {
  readonly leaseMs: number;
  readonly postgres: FaultyPostgres;
  readonly redis: FaultyRedis;
  readonly processes: Supervised[] = [];
  readonly roleOf = new Map<Supervised, Role>();
  readonly postgresLinks: Link[] = [];
  readonly redisLinks: Link[] = [];
  readonly apiLinks: Link[] = [];
  /** True while a store is away by our doing: a process may then fail to start. */
  storesAway = false;
  readonly #root: string;
  readonly #directory: string;
  /** Ports of processes that are not started yet: no link may get one of them. */
  readonly #reserved: (() => Promise<void>)[] = [];

  private constructor(options: SiteOptions, directory: string, postgres: FaultyPostgres, redis: FaultyRedis) {
    this.#root = options.root;
    this.leaseMs = options.leaseMs;
    this.#directory = directory;
    this.postgres = postgres;
    this.redis = redis;
  }

  static async start(options: SiteOptions): Promise<Site> {
    const directory = await mkdtemp(path.join(tmpdir(), 'swarmbid-faults-'));
    await chmod(directory, 0o755);
    const postgres = await FaultyPostgres.start(path.join(directory, 'postgres'));
    const redis = await FaultyRedis.start(path.join(directory, 'redis'));
    const site = new Site(options, directory, postgres, redis);
    // One after the other as far as the first of them, which migrates; then all at once.
    for (const role of ROLES) {
      for (let number = 1; number <= PROCESSES[role]; number++) await site.#add(role, number);
    }
    for (const release of site.#reserved.splice(0)) await release();
    const [first, ...others] = site.processes;
    first?.start();
    await first?.up();
    for (const one of others) one.start();
    await Promise.all(others.map((one) => one.up()));
    return site;
  }

  links(): Link[] {
    return [...this.postgresLinks, ...this.redisLinks, ...this.apiLinks];
  }

  of(...roles: Role[]): Supervised[] {
    return this.processes.filter((one) => roles.includes(this.roleOf.get(one) ?? 'poison'));
  }

  /** A client of each API process, through its link. */
  clients(token: string, fetchAs?: typeof fetch): SwarmbidClient[] {
    return this.apiLinks.map(
      (link) => new SwarmbidClient({ url: `http://127.0.0.1:${link.port}`, token, timeoutMs: 10_000, fetch: fetchAs }),
    );
  }

  adminClients(): SwarmbidClient[] {
    return this.clients(ADMIN_KEY);
  }

  /** What the agents have noted of their runs. */
  async runs(): Promise<Run[]> {
    const text = await readFile(this.#runsFile(), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Run);
  }

  /** Ends every fault of the network. The other kinds end with their injection. */
  heal(): void {
    for (const link of this.links()) link.heal();
  }

  async allUp(): Promise<void> {
    while (this.processes.some((one) => one.pid === undefined)) await delay(HEAL_POLL_MS);
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.stop()));
    await Promise.all(this.links().map((link) => link.close()));
    await this.redis.kill();
    await this.postgres.end();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  #runsFile(): string {
    return path.join(this.#directory, 'runs.jsonl');
  }

  async #add(role: Role, number: number): Promise<void> {
    const name = `${role}-${number}`;
    const postgres = await Link.open(`${name}→postgres`, this.postgres.port, 'postgres');
    const redis = await Link.open(`${name}→redis`, this.redis.port, 'anything');
    this.postgresLinks.push(postgres);
    this.redisLinks.push(redis);
    const { port, release } = await reservePort();
    this.#reserved.push(release);
    if (role === 'api') this.apiLinks.push(await Link.open(`client→${name}`, port, 'anything'));
    const pool = role === 'agents' || role === 'poison';
    const wrongByMs = CLOCKS_WRONG_BY_MS[role]?.[number - 2];
    const process = new Supervised({
      name,
      root: this.#root,
      args: pool ? ['up', '--agents', AGENTS] : ['up'],
      nodeArgs: [
        ...FLAGS_OF_THE_IMAGE,
        // one that hoards memory ends soon
        ...(role === 'poison' ? ['--max-old-space-size=128'] : []),
        ...(wrongByMs === undefined ? [] : ['--import', WRONG_CLOCK]),
      ],
      env: {
        ...inherited(),
        DATABASE_URL: withPort(this.postgres.url, postgres.port),
        REDIS_URL: `redis://127.0.0.1:${redis.port}`,
        SWARMBID_ROLES: pool ? 'agents' : role,
        ...(wrongByMs === undefined ? {} : { CLOCK_WRONG_BY_MS: String(wrongByMs) }),
        ...(pool ? { SWARMBID_POOL: role === 'poison' ? 'poison' : 'workers' } : {}),
        SWARMBID_ADMIN_KEY: ADMIN_KEY,
        PORT: String(port),
        LEASE_MS: String(this.leaseMs),
        LOG_LEVEL: 'warn',
        RUNS_FILE: this.#runsFile(),
      },
      storesAway: () => this.storesAway,
    });
    this.processes.push(process);
    this.roleOf.set(process, role);
  }
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

/** Ours, without what would configure the market behind the suite's back. */
function inherited(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(SWARMBID_(?!TEST)|DATABASE_|REDIS_URL$|AWARD_|HOST$|PORT$|NODE_V8_COVERAGE$|NODE_OPTIONS$)/.test(name),
  );
  return Object.fromEntries(kept);
}
