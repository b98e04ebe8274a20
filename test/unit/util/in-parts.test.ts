import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inParts } from '../../../src/util/in-parts.ts';

const itself = (size: number) => size;

test('what fits into one message stays one, to the last byte', () => {
  expect(inParts([40, 60], itself, 100)).toEqual([[40, 60]]);
  expect(inParts([40, 61], itself, 100)).toEqual([[40], [61]]);
});

test('nothing to say is one empty message, so that whoever asked is answered', () => {
  expect(inParts([], itself, 100)).toEqual([[]]);
});

test('a single item over the limit goes alone, and those around it are split no further than needed', () => {
  expect(inParts([10, 500, 10, 10], itself, 100)).toEqual([[10], [500], [10, 10]]);
});

test('nothing is lost, doubled or reordered, and only a part of one item is over the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(150)), (sizes) => {
      const parts = inParts(sizes, itself, 100);
      expect(parts.flat()).toEqual(sizes);
      for (const part of parts) {
        if (part.length > 1) expect(part.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(100);
      }
    }),
  );
});
