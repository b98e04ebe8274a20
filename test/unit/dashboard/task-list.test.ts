import { expect, test } from 'vitest';
import { mergeFirstPage } from '../../../src/dashboard/merge-first-page.ts';

const items = (...ids: string[]) => ids.map((id) => ({ id }));

test('a newer first page takes the place of its range: new items come, those that fit no more go, older ones stay', () => {
  const page = { items: items('9', '8', '6'), nextCursor: 'more' };
  expect(mergeFirstPage(items('8', '7', '6', '5', '4'), page)).toEqual(items('9', '8', '6', '5', '4'));
});

test('a first page that is the last is the whole list', () => {
  expect(mergeFirstPage(items('8', '7', '1'), { items: items('9'), nextCursor: null })).toEqual(items('9'));
  expect(mergeFirstPage(items('8'), { items: [], nextCursor: null })).toEqual([]);
});
