import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasUnstorableText, jsonBytes, toStorableJson } from '../../../src/util/json.ts';

const LIMIT = 1024 * 1024;
const store = (value: unknown, maxBytes = LIMIT) => toStorableJson(value, maxBytes);

/** Of the pieces that are hard: NUL, halves of a pair, backslashes and what looks like an escape. */
const texts = fc.string({
  unit: fc.constantFrom('a', '\u0000', '\ud83d', '\ude00', '\\', 'u0000', 'ud800', '€'),
  maxLength: 12,
});

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i += 1) value = [value];
  return value;
}

describe('what PostgreSQL’s jsonb can hold', () => {
  test('NUL and lone surrogates become U+FFFD, in values and in names', () => {
    expect(store({ 'a\u0000': 'b\u0000', c: '\ud800', d: 'x\udc00y' })).toMatchObject({
      ok: true,
      value: { 'a\ufffd': 'b\ufffd', c: '\ufffd', d: 'x\ufffdy' },
    });
  });

  test('a text that only looks like an escape stays: a backslash before u0000, and whole pairs', () => {
    const value = { path: '\\u0000', two: '\\\\ud800', smile: '😀' };
    expect(store(value)).toMatchObject({ ok: true, value });
    expect(hasUnstorableText(JSON.stringify(value))).toBe(false);
    expect(hasUnstorableText(JSON.stringify('\\\u0000'))).toBe(true);
  });

  test('whatever text comes in, none that jsonb refuses comes out', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const stored = store({ [text]: text });
        if (!stored.ok) throw new Error(stored.reason);
        return Object.entries(stored.value as object)
          .flat()
          .every((one: string) => one.isWellFormed() && !one.includes('\u0000'));
      }),
    );
  });

  test('what JSON holds comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const stored = store(value);
        expect(stored.ok && JSON.stringify(stored.value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test('a Date is its ISO text, and members that are undefined are left out', () => {
    expect(store({ at: new Date(0), gone: undefined })).toMatchObject({
      ok: true,
      value: { at: '1970-01-01T00:00:00.000Z' },
    });
  });
});

describe('what is refused', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = { again: cycle };
  const refused: [string, unknown, RegExp][] = [
    ['undefined', undefined, /undefined is not a JSON value/],
    ['a function', () => 1, /function is not a JSON value/],
    ['a symbol', Symbol('s'), /symbol is not a JSON value/],
    ['a cycle', cycle, /cycle/],
    ['NaN anywhere', { deep: [1, { rate: Number.NaN }] }, /NaN is not a JSON number/],
    ['an infinity', [Infinity], /Infinity is not a JSON number/],
    ['a BigInt', { big: 1n }, /BigInt/],
    ['201 levels', nested(201), /200 levels/],
  ];
  test.each(refused)('%s, with the reason', (_what, value, reason) => {
    expect(store(value)).toMatchObject({ ok: false, reason: expect.stringMatching(reason) as string });
  });

  test('200 levels are not', () => {
    expect(store(nested(200)).ok).toBe(true);
  });

  test('10 MB where 1 MiB is allowed, with both sizes', () => {
    const reason = `10000002 bytes of JSON, more than the ${LIMIT} allowed`;
    expect(store('x'.repeat(10_000_000))).toEqual({ ok: false, reason });
  });

  test.each([
    [8, true],
    [7, false],
  ])('"äöü" is 8 bytes of JSON: with %i allowed, ok is %s', (maxBytes, ok) => {
    expect(store('äöü', maxBytes).ok).toBe(ok);
    expect(jsonBytes('äöü')).toBe(8);
  });

  test('an object that throws when it is read, whatever it throws, and nothing is thrown here', () => {
    const throwing = (thrown: unknown) => ({
      get value() {
        throw thrown;
      },
    });
    expect(store(throwing(new Error('no')))).toEqual({ ok: false, reason: 'no' });
    expect(store(throwing('no'))).toEqual({ ok: false, reason: 'no' });
    expect(store(throwing(Object.create(null))).ok).toBe(false);
    expect(
      store({
        toJSON: () => {
          throw new TypeError('no JSON');
        },
      }),
    ).toEqual({ ok: false, reason: 'no JSON' });
  });
});

test('undefined has no bytes as JSON', () => {
  expect(jsonBytes(undefined)).toBe(0);
});
