/** The package `swarmbid`: write agents, serve them, and talk to a market. */
export { defineAgent } from './sdk/define-agent.ts';
export { servePool, type ServedPool, type ServePoolOptions } from './serve-pool.ts';
export * from './sdk/index.ts';
