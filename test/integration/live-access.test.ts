import { describe, expect, test, vi } from 'vitest';
import {
  access,
  client,
  happen,
  log,
  newTask,
  once,
  received,
  refusal,
  revoked,
  serveLiveFeed,
  STATS,
  upTo,
} from '../support/live-server.ts';

serveLiveFeed();

describe('who is let in', () => {
  test.each([
    ['/tasks', undefined, 'UNAUTHENTICATED'],
    ['/tasks', 'unknown', 'UNAUTHENTICATED'],
    ['/tasks', 'outsider', 'FORBIDDEN'],
    ['/admin', undefined, 'UNAUTHENTICATED'],
    ['/admin', 'ada', 'FORBIDDEN'],
    ['/admin', 'outsider', 'FORBIDDEN'],
    ['/', 'admin', 'NOT_FOUND'],
  ])('%s with the key %s is refused as %s', async (namespace, token, code) => {
    expect(await refusal(client(namespace, token))).toStrictEqual({ message: code, code });
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
