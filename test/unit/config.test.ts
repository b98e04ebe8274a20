import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';
import { AWARD_POLICIES } from '../../src/contracts/award-policy.ts';

const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');

/** Every name that `readConfig` asks the environment for. */
function namesRead(): string[] {
  const asked = new Set<string>();
  readConfig(
    new Proxy<NodeJS.ProcessEnv>(
      {},
      {
        get: (_, name) => {
          asked.add(String(name));
          return undefined;
        },
      },
    ),
  );
  return [...asked].sort();
}

function faultsOf(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'no fault';
}

describe('the environment', () => {
  it('is named in .env.example exactly as readConfig asks for it, each variable once', () => {
    const named = [...example.matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1]);
    expect(named.toSorted()).toEqual(namesRead());
  });

  it('has one line of explanation before each variable in .env.example, with its default', () => {
    const lines = example.split('\n');
    const unexplained = lines.filter((line, index) => /^[A-Z]/.test(line) && !lines[index - 1]?.startsWith('# '));
    expect(unexplained).toEqual([]);
    const undefaulted = lines.filter((line, index) => {
      const value = /^[A-Z][A-Z0-9_]*=(.+)$/.exec(line)?.[1];
      return value !== undefined && !lines[index - 1]?.includes(`default ${value}`);
    });
    expect(undefaulted).toEqual([]);
  });

  it('means the same with .env.example as without any variable', () => {
    expect(readConfig(parseEnv(example))).toEqual(readConfig({}));
  });

  it('takes an empty variable for an unset one', () => {
    const allEmpty = Object.fromEntries(namesRead().map((name) => [name, '']));
    expect(readConfig(allEmpty)).toEqual(readConfig({}));
  });

  it('has the defaults of the mission: loopback, port 3000, 250 ms to bid, 10 s of lease, 0.4,0.4,0.2', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: '.swarmbid',
      roles: ['api', 'orchestrator', 'agents'],
      bidWindowMs: 250,
      leaseMs: 10_000,
      awardPolicy: 'weighted',
      awardWeights: { reputation: 0.4, skillMatch: 0.4, load: 0.2 },
    });
  });

  it('is refused with all its faults at once, each with its value', () => {
    const faults = faultsOf({
      PORT: '65536',
      BID_WINDOW_MS: '9',
      LEASE_MS: 'ten',
      AWARD_WEIGHTS: '0.4,0.4',
      SWARMBID_ROLES: 'api,king',
      LOG_LEVEL: 'loud',
    });
    for (const value of ['PORT="65536"', 'BID_WINDOW_MS="9"', 'LEASE_MS="ten"', 'AWARD_WEIGHTS="0.4,0.4"']) {
      expect(faults).toContain(value);
    }
    for (const value of ['SWARMBID_ROLES="api,king"', 'LOG_LEVEL="loud"', '6 faults']) expect(faults).toContain(value);
  });

  it('is refused with one fault in words of one: an unknown AWARD_POLICY, and what is known', () => {
    const faults = faultsOf({ AWARD_POLICY: 'cheapest' });
    expect(faults).toContain('1 fault:');
    expect(faults).toContain('AWARD_POLICY="cheapest"');
    for (const known of AWARD_POLICIES) expect(faults).toContain(known);
  });

  it('tells a fault of a command’s option by the option, which wins over its variable', () => {
    const option = { variable: 'PORT', flag: '--port', value: '70000' };
    expect(() => readConfig({ PORT: '80' }, [option])).toThrow('--port "70000"');
    expect(readConfig({ PORT: '80' }, [{ ...option, value: '81' }]).port).toBe(81);
  });

  it('tells of a REDIS_URL without a DATABASE_URL also when another variable is wrong', () => {
    const faults = faultsOf({ REDIS_URL: 'redis://127.0.0.1:6379', PORT: '-1' });
    expect(faults).toContain('REDIS_URL=');
    expect(faults).toContain('PORT="-1"');
  });

  it('tells of files for TLS that cannot be read with all other faults, and of one that is missing its other', () => {
    const faults = faultsOf({
      TLS_CERT_FILE: '/nowhere/cert.pem',
      TLS_KEY_FILE: '/nowhere/key.pem',
      DATABASE_URL: 'postgres://u:hunter2@db/market?sslmode=verify-full&sslrootcert=/nowhere/pg.pem',
      REDIS_TLS_CA_FILE: '/nowhere/redis.pem',
      PORT: '-1',
    });
    for (const file of ['cert', 'key', 'pg', 'redis']) expect(faults).toContain(`'/nowhere/${file}.pem'`);
    expect(faults).toContain('6 faults'); // the CA is for rediss:// alone
    expect(faultsOf({ TLS_CERT_FILE: import.meta.filename })).toContain('set both or neither');
    expect(faultsOf({ TLS_KEY_FILE: import.meta.filename })).toContain('set both or neither');
    const pair = { TLS_CERT_FILE: import.meta.filename, TLS_KEY_FILE: import.meta.filename };
    expect(faultsOf(pair)).toContain('does not serve with TLS_KEY_FILE');
  });

  it('never shows a key or the password of a URL in a fault', () => {
    const faults = faultsOf({
      DATABASE_URL: 'mysql://u:hunter2@db',
      SWARMBID_ADMIN_KEY: 'hunter3',
      POOL_SECRET: 'hunter4',
    });
    expect(faults).toContain('3 faults');
    expect(faults).not.toContain('hunter');
  });

  it.each([
    ['PORT', '0', '65535', '65536'],
    ['BID_WINDOW_MS', '10', '60000', '60001'],
    ['LEASE_MS', '500', '600000', '600001'],
  ])('%s goes from %s to %s: %s is refused', (name, least, most, tooMuch) => {
    expect(faultsOf({ [name]: least })).toBe('no fault');
    expect(faultsOf({ [name]: most })).toBe('no fault');
    expect(faultsOf({ [name]: tooMuch })).toContain(`${name}="${tooMuch}"`);
  });

  it.each(['0,0,0', '1.1,0,0', '-0.1,0.4,0.2', '0.4,0.4,0.2,0', 'a,b,c', '0.4,,0.2', '0.4, ,0.2'])(
    'AWARD_WEIGHTS %s is refused',
    (weights) => {
      expect(faultsOf({ AWARD_WEIGHTS: weights })).toContain('AWARD_WEIGHTS=');
    },
  );
});
