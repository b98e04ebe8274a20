import { expect, test } from 'vitest';
import { isLoopbackHost, isLoopbackOrigin } from '../../../src/util/loopback.ts';

test.each(['localhost', 'LOCALHOST:3000', 'app.localhost', '127.0.0.1', '127.1.2.3:80', '[::1]', '[::1]:3000', '::1'])(
  '%s is loopback',
  (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  },
);

test.each([
  undefined,
  '',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '127.0.0.1.example',
  'localhost.example',
  'notlocalhost',
  '1.127.0.0.1',
])('%s is not loopback', (host) => {
  expect(isLoopbackHost(host)).toBe(false);
});

test('an absent origin, as of a program, is let pass, and an opaque or foreign one is not', () => {
  expect(isLoopbackOrigin(undefined)).toBe(true);
  expect(isLoopbackOrigin('http://localhost:5173')).toBe(true);
  expect(isLoopbackOrigin('null')).toBe(false);
  expect(isLoopbackOrigin('https://page.example')).toBe(false);
});
