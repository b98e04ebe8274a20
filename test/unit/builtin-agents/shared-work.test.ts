import { describe, expect, it } from 'vitest';
import { sharedWork } from '../../../src/agents/builtin/shared-work.ts';
import type { Tell } from '../../../src/agents/builtin/shared-work.ts';

/** Work that ends when it is told to. */
function heldWork<Value>() {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const begun = Promise.withResolvers<Tell>();
  let runs = 0;
  const work = (tell: Tell): Promise<Value> => {
    runs += 1;
    begun.resolve(tell);
    return promise;
  };
  return { work, resolve, reject, begun: begun.promise, runs: () => runs };
}

describe('sharedWork', () => {
  it('does the work once for two who ask at the same time, and for a third who asks after its end', async () => {
    const shared = sharedWork<number>(2);
    const held = heldWork<number>();
    const asked = [shared('a', held.work), shared('a', held.work)];
    held.resolve(7);
    expect(await Promise.all(asked)).toEqual([7, 7]);
    expect(await shared('a', held.work)).toBe(7);
    expect(held.runs()).toBe(1);
  });

  it('tells whoever joins late how far it is, and both what follows', async () => {
    const shared = sharedWork<number>(2);
    const held = heldWork<number>();
    const heard: string[] = [];
    const first = shared('a', held.work, (percent, note) => heard.push(`first ${percent} ${note}`));
    const tell = await held.begun;
    tell(40, 'rows');
    const second = shared('a', held.work, (percent, note) => heard.push(`second ${percent} ${note}`));
    tell(90, 'segments');
    held.resolve(1);
    await Promise.all([first, second]);
    expect(heard).toEqual(['first 40 rows', 'second 40 rows', 'first 90 segments', 'second 90 segments']);
  });

  it('fails for all who wait, and begins anew for whoever asks after that', async () => {
    const shared = sharedWork<number>(2);
    const held = heldWork<number>();
    const asked = [shared('a', held.work), shared('a', held.work)];
    held.reject(new Error('no'));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await shared('a', () => Promise.resolve(2))).toBe(2);
  });

  it('remembers as many keys as its limit, the last used ones', async () => {
    const shared = sharedWork<string>(2);
    const runs: string[] = [];
    const ask = (key: string) => shared(key, () => Promise.resolve(runs.push(key)).then(() => key));
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await ask(key);
    expect(runs).toEqual(['a', 'b', 'c', 'b']);
  });
});
