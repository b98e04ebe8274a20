import { expect, test } from 'vitest';
import { Batcher } from '../../../src/util/batcher.ts';

/** A batcher whose groups are answered when the test says so: each item with its double. */
function held(options: { maxItems: number; maxActive: number }) {
  const groups: { items: number[]; answer: () => void; fail: (error: Error) => void }[] = [];
  const batcher = new Batcher<number, number>(
    (items) =>
      new Promise((resolve, reject) => {
        groups.push({ items, answer: () => resolve(items.map((item) => item * 2)), fail: reject });
      }),
    options,
  );
  return { batcher, groups };
}

/** Lets everything that is already decided happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a lone call waits for nobody', async () => {
  const { batcher, groups } = held({ maxItems: 10, maxActive: 1 });
  const answer = batcher.add(1);
  await Promise.resolve();
  expect(groups.map((group) => group.items)).toEqual([[1]]);
  groups[0]!.answer();
  expect(await answer).toBe(2);
});

test('calls of one turn share a group, and each gets its own answer', async () => {
  const { batcher, groups } = held({ maxItems: 10, maxActive: 1 });
  const answers = Promise.all([batcher.add(1), batcher.add(2), batcher.add(3)]);
  await settled();
  expect(groups.map((group) => group.items)).toEqual([[1, 2, 3]]);
  groups[0]!.answer();
  expect(await answers).toEqual([2, 4, 6]);
});

test('calls that arrive while a group is carried out are the next group', async () => {
  const { batcher, groups } = held({ maxItems: 10, maxActive: 1 });
  const first = batcher.add(1);
  await settled();
  const later = [batcher.add(2)];
  await settled();
  later.push(batcher.add(3));
  await settled();
  expect(groups).toHaveLength(1);
  groups[0]!.answer();
  await first;
  await settled();
  expect(groups.map((group) => group.items)).toEqual([[1], [2, 3]]);
  groups[1]!.answer();
  expect(await Promise.all(later)).toEqual([4, 6]);
});

test('a group has at most maxItems, and at most maxActive groups are carried out at once', async () => {
  const { batcher, groups } = held({ maxItems: 2, maxActive: 2 });
  const answers: Promise<number>[] = [];
  for (let item = 1; item <= 7; item += 1) {
    answers.push(batcher.add(item));
    if (item % 3 === 0) await settled();
  }
  for (let done = 0; done < groups.length || done < 4; done += 1) {
    await settled();
    expect(groups.length - done).toBeLessThanOrEqual(2);
    groups[done]!.answer();
    await settled();
  }
  expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10, 12, 14]);
  expect(groups.flatMap((group) => group.items)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(Math.max(...groups.map((group) => group.items.length))).toBe(2);
});

test('a group that fails rejects each of its calls, and the next group is carried out', async () => {
  const { batcher, groups } = held({ maxItems: 10, maxActive: 1 });
  const failing = Promise.allSettled([batcher.add(1), batcher.add(2)]);
  await settled();
  const next = batcher.add(3);
  groups[0]!.fail(new Error('the store is away'));
  expect((await failing).map((one) => one.status)).toEqual(['rejected', 'rejected']);
  await settled();
  groups[1]!.answer();
  expect(await next).toBe(6);
});

test('a flush that throws at once rejects its calls', async () => {
  const batcher = new Batcher<number, number>(
    () => {
      throw new Error('broken');
    },
    { maxItems: 1, maxActive: 1 },
  );
  await expect(batcher.add(1)).rejects.toThrow('broken');
});
