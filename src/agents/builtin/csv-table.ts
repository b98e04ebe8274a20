import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { nextTurn } from './turns.ts';

const MAX_CSV_BYTES = 200 * 1024;
/** Some 160 rows of a campaigns' CSV: 2 to 5 ms of parsing, cold, on one slow core. */
const SLICE_BYTES = 8 * 1024;

export interface CsvTable {
  /** Names of the header row: trimmed, in lower case. */
  columns: string[];
  rows: string[][];
}

/**
 * The CSV text that a task brings as `data.campaignsCsv` or `data.csv`; null if it brings none.
 * @throws Error if there is something that is not text, or more than 200 KiB of it
 */
export function csvTextOf(data: Record<string, unknown>): string | null {
  const key = (data['campaignsCsv'] ?? null) === null ? 'csv' : 'campaignsCsv';
  const text = data[key] ?? null;
  if (text === null) return null;
  if (typeof text !== 'string') throw new Error(`data.${key} must be CSV text, but is of type ${typeof text}`);
  if (text.trim() === '') return null;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MAX_CSV_BYTES) throw new Error(`data.${key} has ${bytes} bytes; at most ${MAX_CSV_BYTES} are read`);
  return text;
}

/** Hears, after each slice, the rows read so far and the share of the text that they are, 0–1. */
export type OnRows = (rows: number, share: number) => void;

/**
 * Reads RFC 4180 text whose first record names the columns; slice by slice, with a turn of the event loop for others
 * between two.
 * @throws Error naming the line, if a record has another number of fields or a quote is left open
 */
export async function readCsvTable(text: string, onRows: OnRows = () => undefined): Promise<CsvTable> {
  const [header, ...rows] = await records(text, onRows);
  if (header === undefined) throw new Error('The CSV is empty: a header row was expected');
  return { columns: header.map((name) => name.toLowerCase()), rows };
}

async function records(text: string, onRows: OnRows): Promise<string[][]> {
  const read: string[][] = [];
  // Cut as bytes: the parser puts a character together that two slices share.
  const slices = slicesOf(Buffer.from(text), (share) => {
    onRows(Math.max(0, read.length - 1), share);
  });
  try {
    await pipeline(
      slices,
      parse({ bom: true, trim: true, skip_empty_lines: true }),
      async (source: AsyncIterable<string[]>) => {
        for await (const record of source) read.push(record);
      },
    );
    onRows(Math.max(0, read.length - 1), 1);
    return read;
  } catch (cause) {
    throw new Error(`The CSV cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function* slicesOf(bytes: Buffer, onShare: (share: number) => void): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    if (at > 0) {
      await nextTurn();
      onShare(at / bytes.length);
    }
    yield bytes.subarray(at, at + SLICE_BYTES);
  }
}

/** The number a field holds; NaN for an empty field, which `Number` would take for 0. */
export function fieldNumber(field: string | undefined): number {
  return field === undefined || field === '' ? Number.NaN : Number(field);
}
