import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts';
import { createLogger } from '../../src/observability/logger.ts';

export interface TestServer {
  url: string;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

/** A PostgreSQL server of its own in a temporary directory, without durability. */
export async function startPostgres(): Promise<TestServer> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'swarmbid-postgres-'));
  // root starts it as an ordinary user, who must be able to enter
  await chmod(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir, durable: false, logger: createLogger('warn') });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
