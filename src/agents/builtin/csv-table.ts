import { parse } from 'csv-parse/sync';

const MAX_CSV_BYTES = 200 * 1024;

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

/**
 * Reads RFC 4180 text whose first record names the columns.
 * @throws Error naming the line, if a record has another number of fields or a quote is left open
 */
export function readCsvTable(text: string): CsvTable {
  const [header, ...rows] = records(text);
  if (header === undefined) throw new Error('The CSV is empty: a header row was expected');
  return { columns: header.map((name) => name.toLowerCase()), rows };
}

function records(text: string): string[][] {
  try {
    return parse(text, { bom: true, trim: true, skip_empty_lines: true });
  } catch (cause) {
    throw new Error(`The CSV cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The number a field holds; NaN for an empty field, which `Number` would take for 0. */
export function fieldNumber(field: string | undefined): number {
  return field === undefined || field === '' ? Number.NaN : Number(field);
}
