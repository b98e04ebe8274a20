import { busKeys, poolCredential } from './bus/index.ts';
import type { Config } from './config.ts';
import { slugSchema } from './contracts/primitives.ts';

/**
 * What the processes of `pool` are given as POOL_SECRET, so that they can speak on the bus for no other pool.
 * @throws Error that says what to do where POOL_SECRET is not the market's, or the name is none
 */
export function credentialOf(config: Config, pool: string): string {
  const { poolSecret } = config;
  if (poolSecret === undefined)
    throw new Error("POOL_SECRET is unset: set it to the market's secret, from which those of its pools are derived.");
  const owner = busKeys(poolSecret).pool;
  if (owner !== null) throw new Error(`POOL_SECRET is that of pool "${owner}": set it to the market's.`);
  return poolCredential(poolSecret, slugSchema.parse(pool));
}
