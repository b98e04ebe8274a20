import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCsvTable } from '../../../src/agents/builtin/csv-table.ts';

const SLICE_BYTES = 8 * 1024;

const field = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => `x${text}x`);
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

describe('readCsvTable', () => {
  it('reads a text of several slices as it was written: quotes, line breaks and long characters across their borders', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 }), async (sample) => {
        const rows = Array.from(
          { length: Math.ceil(SLICE_BYTES / 20) },
          (_, index) => sample[index % sample.length] ?? [],
        );
        const text = ['a,b', ...rows.map((row) => row.map(quoted).join(','))].join('\n');
        expect(await readCsvTable(text)).toEqual({ columns: ['a', 'b'], rows });
      }),
      { numRuns: 20 },
    );
  });

  it('tells the rows after each slice, growing to all of them at a share of 1', async () => {
    const text = `a\n${'12345678\n'.repeat(3_000)}`;
    const told: [number, number][] = [];
    await readCsvTable(text, (rows, share) => told.push([rows, share]));
    expect(told.length).toBe(Math.ceil(text.length / SLICE_BYTES));
    expect(told).toEqual(told.toSorted(([a], [b]) => a - b));
    expect(told.at(-1)).toEqual([3_000, 1]);
  });

  it('lets others have a turn of the event loop between two slices', async () => {
    let turns = 0;
    let counting = true;
    const count = () => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const slices = 5;
    await readCsvTable(`a\n${'1\n'.repeat((slices * SLICE_BYTES) / 2 - 1)}`);
    counting = false;
    expect(turns).toBeGreaterThanOrEqual(slices - 1);
  });

  it('names the line of a record with another number of fields, also in a later slice', async () => {
    const text = `a,b\n${'1,2\n'.repeat(3_000)}1,2,3\n`;
    await expect(readCsvTable(text)).rejects.toThrow(/The CSV cannot be read: .*line 3002/);
  });
});
