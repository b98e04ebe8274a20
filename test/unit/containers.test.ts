import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { interpolate, readComposeFile, serviceEnvironment } from '../../scripts/compose-file.ts';
import { readConfig } from '../../src/config.ts';

const root = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');

const compose = readComposeFile();
const dockerfile = read('Dockerfile').replaceAll('\\\n', ' ');
const instructions = (name: string) =>
  [...dockerfile.matchAll(new RegExp(`^${name} +(.+)$`, 'gm'))].map((match) => match[1] ?? '');

const MARKET = ['migrate', 'api', 'orchestrator', 'agents'];
const ADMIN_KEY = { SWARMBID_ADMIN_KEY: 'sb_of-a-test-12345' };

describe('docker-compose.yml', () => {
  it('has PostgreSQL, Redis, the migration and a service for each role', () => {
    expect(Object.keys(compose.services)).toEqual(['postgres', 'redis', ...MARKET]);
  });

  it('checks the health of every service but the migration, which ends', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const expected = name === 'migrate' ? { disable: true } : { test: expect.arrayContaining(['CMD']) as string[] };
      expect(service.healthcheck, name).toMatchObject(expected);
    }
  });

  it('starts a role only after healthy stores and a finished migration', () => {
    for (const name of ['api', 'orchestrator', 'agents']) {
      expect(compose.services[name]?.depends_on, name).toEqual({
        postgres: { condition: 'service_healthy' },
        redis: { condition: 'service_healthy' },
        migrate: { condition: 'service_completed_successfully' },
      });
    }
  });

  it('keeps Redis on disk and never lets it evict a key', () => {
    const command = compose.services['redis']?.command?.join(' ');
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });

  it('keeps the files of both stores in volumes that it declares', () => {
    for (const name of ['postgres', 'redis']) {
      const volume = compose.services[name]?.volumes[0]?.split(':')[0] ?? '';
      expect(Object.keys(compose.volumes), name).toContain(volume);
    }
  });

  it('publishes every port to this machine alone', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it.each(['api', 'orchestrator', 'agents'])(
    'gives %s an environment that readConfig takes, with that role alone',
    (name) => {
      const config = readConfig(serviceEnvironment(compose, name, ADMIN_KEY));
      expect(config.roles).toEqual([name]);
      expect(config.databaseUrl).toBe('postgres://swarmbid:swarmbid@postgres:5432/swarmbid');
      expect(config.redisUrl).toBe('redis://redis:6379');
      expect(config.bidWindowMs).toBe(250);
    },
  );

  it('sets no variable that the market does not read', () => {
    const known = [...read('.env.example').matchAll(/^([A-Z][A-Z0-9_]*)=/gm)].map((match) => match[1]);
    const set = MARKET.flatMap((name) => Object.keys(compose.services[name]?.environment ?? {}));
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('gives the admin key to the API alone, and refuses to start without one', () => {
    const holders = MARKET.filter((name) => 'SWARMBID_ADMIN_KEY' in (compose.services[name]?.environment ?? {}));
    expect(holders).toEqual(['api']);
    expect(() => serviceEnvironment(compose, 'api', { SWARMBID_ADMIN_KEY: '' })).toThrow(
      'SWARMBID_ADMIN_KEY is not set',
    );
  });

  it('fixes no container name, so that every role can be scaled', () => {
    expect(read('docker-compose.yml')).not.toContain('container_name');
  });
});

describe('a variable in docker-compose.yml', () => {
  it.each([
    ['${A:-x}', {}, 'x'],
    ['${A:-x}', { A: '' }, 'x'],
    ['${A:-x}', { A: 'y' }, 'y'],
    ['${A:-}', {}, ''],
    ['a-${A}-b', { A: '1' }, 'a-1-b'],
  ])('%s with %o is "%s"', (text, env, expected) => {
    expect(interpolate(text, env)).toBe(expected);
  });
});

describe('the image', () => {
  it('runs as an ordinary user', () => {
    expect(instructions('USER')).toEqual(['node']);
  });

  it('is built from files that exist and that .dockerignore lets through', () => {
    const allowed = read('.dockerignore').split('\n');
    const copied = instructions('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    expect(copied.length).toBeGreaterThan(0);
    expect(copied.filter((file) => !existsSync(new URL(file, root)) || !allowed.includes(`!${file}`))).toEqual([]);
  });

  it('starts the command line, which serves unless it is told otherwise', () => {
    expect(instructions('ENTRYPOINT')).toEqual([
      '["node", "--max-semi-space-size=4", "--optimize-for-size", "src/bin/swarmbid.ts"]',
    ]);
    expect(instructions('CMD')).toEqual(['["up"]']);
    expect(existsSync(new URL('src/bin/swarmbid.ts', root))).toBe(true);
  });

  it('asks for its health as Compose does', () => {
    const check = instructions('HEALTHCHECK')[0] ?? '';
    const command = JSON.parse(check.slice(check.indexOf('['))) as string[];
    const service = compose.services['api']?.healthcheck;
    expect(service).toMatchObject({ test: ['CMD', ...command] });
  });
});
