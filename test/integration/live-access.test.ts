import { describe, expect, test, vi } from 'vitest';
import { NAMESPACES, type Namespace } from '../../src/contracts/permissions.ts';
import {
  access,
  client,
  happen,
  log,
  newTask,
  once,
  ORIGIN,
  received,
  recheckKeys,
  refusal,
  revoked,
  serveLiveFeed,
  start,
  STATS,
  stop,
  upTo,
} from '../support/live-server.ts';

serveLiveFeed();

const CALLERS = { nobody: undefined, 'a wrong key': 'unknown', agent: 'outsider', submitter: 'ada', admin: 'admin' };
type Caller = keyof typeof CALLERS;
const KEYLESS = { nobody: 'UNAUTHENTICATED', 'a wrong key': 'UNAUTHENTICATED', agent: 'FORBIDDEN' } as const;

/** The table of permissions once more, by hand: who is refused with what; null gets in. */
const REFUSALS: Record<Namespace, Record<Caller, string | null>> = {
  '/tasks': { ...KEYLESS, submitter: null, admin: null },
  '/admin': { ...KEYLESS, submitter: 'FORBIDDEN', admin: null },
};
/** What a connected client is answered when it sends `watch` or another event, well formed. */
const ANSWERS: Record<Namespace, Record<string, string | null>> = {
  '/tasks': { watch: null, unwatch: null, stats: 'NOT_FOUND', event: 'NOT_FOUND', constructor: 'NOT_FOUND' },
  '/admin': { watch: 'NOT_FOUND', unwatch: 'NOT_FOUND', stats: 'NOT_FOUND', event: 'NOT_FOUND' },
};
const namespaces = Object.keys(NAMESPACES) as Namespace[];
const callers = Object.keys(CALLERS) as Caller[];

describe('every cell of the table of permissions', () => {
  test.each(namespaces.flatMap((name) => callers.map((caller) => [name, caller] as const)))(
    '%s and a connection of %s',
    async (name, caller) => {
      const socket = client(name, CALLERS[caller]);
      const code = REFUSALS[name][caller];
      if (code === null) await once(socket, 'connect');
      else expect(await refusal(socket)).toStrictEqual({ message: code, code });
    },
  );

  test.each(
    namespaces.flatMap((name) =>
      callers
        .filter((caller) => REFUSALS[name][caller] === null)
        .flatMap((caller) => Object.keys(ANSWERS[name]).map((event) => [name, caller, event] as const)),
    ),
  )('%s: %s sends %s', async (name, caller, event) => {
    const socket = client(name, CALLERS[caller]);
    await once(socket, 'connect');
    const answer = (await socket.timeout(5_000).emitWithAck(event, { taskId: newTask() })) as { code?: string };
    expect(answer.code ?? null).toBe(ANSWERS[name][event]);
  });

  test('names every event that a namespace hears', () => {
    for (const name of namespaces)
      expect(Object.keys(ANSWERS[name])).toEqual(expect.arrayContaining(Object.keys(NAMESPACES[name].events)));
  });
});

describe('who is let in', () => {
  test('nobody into a namespace that does not exist', async () => {
    expect(await refusal(client('/', 'admin'))).toStrictEqual({ message: 'NOT_FOUND', code: 'NOT_FOUND' });
  });

  test('a page of another origin is refused whatever its key; those of the server and of the list are not', async () => {
    const from = (origin: string) => client('/tasks', 'ada', { extraHeaders: { origin, host: 'market.example' } });
    expect((await refusal(from('https://page.example'))).code).toBe('FORBIDDEN');
    expect((await refusal(from('null'))).code).toBe('FORBIDDEN');
    await once(from('https://market.example'), 'connect');
    await once(from(ORIGIN), 'connect');
  });

  test('after too many messages at once the connection is cut', async () => {
    const socket = client('/tasks', 'ada');
    await once(socket, 'connect');
    const ended = once(socket, 'disconnect');
    for (let i = 0; i < 3_000; i++) socket.emit('unwatch', { taskId: 'x' });
    await ended;
  });

  test('a key that is revoked is out at once where the keys are looked at again, without waiting for the sweep', async () => {
    await stop();
    await start(0, 60_000);
    const socket = client('/tasks', 'ada');
    await once(socket, 'connect');
    const ended = once(socket, 'disconnect');
    revoked.add('ada');
    recheckKeys();
    await ended;
  });

  test('a token that is no text is refused', async () => {
    const socket = client('/tasks', undefined, { auth: { token: { $ne: null } } });
    expect((await refusal(socket)).code).toBe('UNAUTHENTICATED');
  });

  test('while no key is needed, a page of another site is refused, and one of this machine is not', async () => {
    access.keyless = true;
    const from = (origin: string) => client('/tasks', undefined, { extraHeaders: { origin } });
    expect((await refusal(from('https://page.example'))).code).toBe('FORBIDDEN');
    await once(from('http://localhost:5173'), 'connect');
  });

  test('a connection whose key is revoked is ended, and only that', async () => {
    const [first, second] = [client('/tasks', 'ada'), client('/tasks', 'admin')];
    await Promise.all([once(first, 'connect'), once(second, 'connect')]);
    const ended = once(first, 'disconnect');
    revoked.add('ada');
    await ended;
    expect(second.connected).toBe(true);
    expect((await refusal(first.connect())).code).toBe('UNAUTHENTICATED');
  });
});

describe('/admin', () => {
  test('gives the events of all tasks, each task in order and from its first event', async () => {
    const [old, fresh] = [newTask('ada', 2), newTask('bob')];
    const socket = client('/admin', 'admin');
    const { seqs, untilSeq } = received(socket);
    await once(socket, 'connect');
    happen(old);
    happen(fresh, 450);
    await untilSeq(old, 3);
    await untilSeq(fresh, 450);
    happen(old, 2);
    await untilSeq(old, 5);
    expect(seqs(old)).toStrictEqual(upTo(5));
    expect(seqs(fresh)).toStrictEqual(upTo(450));
  });

  test('gives stats while somebody listens', async () => {
    expect(await once(client('/admin', 'admin'), 'stats')).toStrictEqual(STATS);
  });

  test('asks for no hints before somebody listens and after the last has left', async () => {
    expect(log.listeners).toBe(1);
    const socket = client('/admin', 'admin');
    await once(socket, 'connect');
    expect(log.listeners).toBe(2);
    socket.disconnect();
    await vi.waitFor(() => {
      expect(log.listeners).toBe(1);
    });
  });
});
