import type { KeyService } from './contracts/services.ts';
import type { Config } from './config.ts';
import { isLoopbackHost } from './util/loopback.ts';

/** @throws Error that says what to do, where strangers could reach a market that has no admin key */
export async function refuseOpenListening(config: Config, keys: Pick<KeyService, 'adminKeyExists'>): Promise<void> {
  if (isLoopbackHost(config.host) || (await keys.adminKeyExists())) return;
  throw new Error(
    `HOST=${config.host} is not a loopback address, and no admin key exists yet: anybody could rule the market. ` +
      'Set SWARMBID_ADMIN_KEY to a key of your choice' +
      (config.databaseUrl === undefined
        ? ', or start on 127.0.0.1 and run `swarmbid keys create --role admin` first.'
        : ': at least 11 characters, beginning with sb_.'),
  );
}
