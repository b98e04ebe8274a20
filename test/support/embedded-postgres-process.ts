import { startEmbeddedPostgres } from '../../src/db/embedded-postgres.ts';
import { createLogger } from '../../src/observability/logger.ts';

/** Starts the cluster of the directory that it is given and says its URL; then stays (`stay`) or comes to its end (`end`). */
const [dataDir = '', then] = process.argv.slice(2);
const { url } = await startEmbeddedPostgres({ dataDir, durable: false, logger: createLogger('silent') });
process.stdout.write(`${url}\n`);
if (then === 'stay') setInterval(() => undefined, 60_000);
