import { csvTextOf, fieldNumber, readCsvTable } from './csv-table.ts';
import { isUsableNumber } from './rounding.ts';
import { mapInTurns } from './turns.ts';
import type { CsvTable, OnRows } from './csv-table.ts';

/** One past sending. */
export interface CampaignRow {
  /** `YYYY-MM-DD`. */
  date: string;
  segment: string;
  channel: string;
  /** 0–23; null where the file has no such column. */
  hour: number | null;
  sent: number;
  opened: number;
  clicked: number;
  converted: number;
  /** Null where the file has no such column. */
  revenue: number | null;
}

export interface CampaignHistory {
  rows: CampaignRow[];
  /** Records left out because a value was missing or impossible. */
  skippedRows: number;
}

const NEEDED_COLUMNS = ['date', 'segment', 'channel', 'sent', 'opened', 'clicked', 'converted'];

/**
 * The past campaigns that a task brings; null if it brings none.
 * @throws Error if the CSV cannot be read, lacks a needed column, or has no usable row
 */
export async function campaignHistoryOf(
  data: Record<string, unknown>,
  onRows?: OnRows,
): Promise<CampaignHistory | null> {
  const text = csvTextOf(data);
  return text === null ? null : readHistory(await readCsvTable(text, onRows));
}

async function readHistory(table: CsvTable): Promise<CampaignHistory> {
  const missing = NEEDED_COLUMNS.filter((name) => !table.columns.includes(name));
  if (missing.length > 0) {
    throw new Error(
      `The campaigns' CSV lacks the columns ${missing.join(', ')}; it has ${table.columns.join(', ')}. ` +
        `Needed: ${NEEDED_COLUMNS.join(', ')}; used if there: hour, revenue`,
    );
  }
  const rows = (await mapInTurns(table.rows, rowReader(table.columns))).filter((row) => row !== null);
  if (rows.length === 0) throw new Error(`None of the ${table.rows.length} rows of the campaigns' CSV can be used`);
  return { rows, skippedRows: table.rows.length - rows.length };
}

function rowReader(columns: string[]): (fields: string[]) => CampaignRow | null {
  const at = new Map(columns.map((name, index) => [name, index]));
  const text = (fields: string[], name: string): string => fields[at.get(name) ?? -1] ?? '';
  const number = (fields: string[], name: string): number => fieldNumber(text(fields, name));
  const numberIfThere = (fields: string[], name: string): number | null => (at.has(name) ? number(fields, name) : null);
  return (fields) => {
    const row = {
      date: text(fields, 'date'),
      segment: text(fields, 'segment'),
      channel: text(fields, 'channel'),
      hour: numberIfThere(fields, 'hour'),
      sent: number(fields, 'sent'),
      opened: number(fields, 'opened'),
      clicked: number(fields, 'clicked'),
      converted: number(fields, 'converted'),
      revenue: numberIfThere(fields, 'revenue'),
    };
    return isUsable(row) ? row : null;
  };
}

function isUsable(row: CampaignRow): boolean {
  return (
    isDate(row.date) &&
    row.segment !== '' &&
    row.channel !== '' &&
    (row.hour === null || (Number.isInteger(row.hour) && row.hour >= 0 && row.hour <= 23)) &&
    isUsableNumber(row.sent) &&
    row.sent >= 1 &&
    [row.opened, row.clicked, row.converted].every((count) => count >= 0 && count <= row.sent) &&
    (row.revenue === null || isUsableNumber(row.revenue))
  );
}

function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
