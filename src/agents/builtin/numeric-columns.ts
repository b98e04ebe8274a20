import { mean, median, sampleCorrelation, standardDeviation } from 'simple-statistics';
import { csvTextOf, fieldNumber, readCsvTable } from './csv-table.ts';
import { isUsableNumber, MAX_NUMBER, roundTo } from './rounding.ts';
import { nextTurn } from './turns.ts';
import type { Tell } from './shared-work.ts';
import type { WorkOutput } from './skill-work.ts';

interface NumericColumn {
  column: string;
  values: number[];
}

const MAX_COLUMNS = 50;
const DIGITS = 6;

/**
 * Describes the numbers of a task's table: `data.campaignsCsv` or `data.csv`, else `data.rows` (objects), else
 * `data.series` (numbers). A column counts as numeric if every value that is there is
 * a number. `tell` hears how far it is.
 */
export async function describeNumbers(data: Record<string, unknown>, tell: Tell): Promise<WorkOutput> {
  const { rows, columns, source } = await tableOf(data, tell);
  const numeric = columns
    .filter(({ values }) => values.length > 0 && values.every(isUsableNumber))
    .slice(0, MAX_COLUMNS);
  const none = 'Nothing to analyse was given (data.campaignsCsv, data.csv, data.rows or data.series).';
  const described: Description[] = [];
  for (const column of numeric) {
    await nextTurn();
    described.push(describe(column));
    tell(50 + (50 * described.length) / numeric.length, `column ${column.column} described`);
  }
  return {
    source,
    rows,
    columns: described,
    correlations: strongestCorrelations(numeric, rows),
    assumptions: source === 'none' ? [none] : [],
  };
}

type Description = ReturnType<typeof describe>;

function describe({ column, values }: NumericColumn) {
  return {
    column,
    count: values.length,
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    mean: roundTo(mean(values), DIGITS),
    median: roundTo(median(values), DIGITS),
    standardDeviation: roundTo(standardDeviation(values), DIGITS),
  };
}

/** The five pairs of columns that go together most, by Pearson's coefficient; of columns without gaps that vary. */
function strongestCorrelations(columns: NumericColumn[], rows: number) {
  const whole = columns
    .filter(({ values }) => values.length === rows && rows >= 3 && new Set(values).size > 1)
    .slice(0, 12);
  return (
    whole
      .flatMap((a, index) => whole.slice(index + 1).map((b) => ({ between: [a.column, b.column], r: pearson(a, b) })))
      // Values that differ by less than their squares can show have no coefficient.
      .filter(({ r }) => Number.isFinite(r))
      .sort((a, b) => Math.abs(b.r) - Math.abs(a.r))
      .slice(0, 5)
  );
}

function pearson(a: NumericColumn, b: NumericColumn): number {
  return roundTo(sampleCorrelation(a.values, b.values), 4);
}

interface Table {
  source: string;
  rows: number;
  columns: NumericColumn[];
}

async function tableOf(data: Record<string, unknown>, tell: Tell): Promise<Table> {
  const text = csvTextOf(data);
  if (text !== null) return csvColumns(text, tell);
  if (Array.isArray(data['rows'])) return objectColumns(data['rows']);
  if (Array.isArray(data['series'])) {
    const values = data['series'].map(Number);
    if (!values.every(isUsableNumber)) throw new Error(`data.series must be a list of numbers up to ${MAX_NUMBER}`);
    return { source: 'data.series', rows: values.length, columns: [{ column: 'series', values }] };
  }
  return { source: 'none', rows: 0, columns: [] };
}

async function csvColumns(text: string, tell: Tell): Promise<Table> {
  const table = await readCsvTable(text, (rows, share) => {
    tell(50 * share, `${rows} rows read`);
  });
  const columns = table.columns.map((column, index) => ({
    column,
    values: table.rows.filter((fields) => fields[index] !== '').map((fields) => fieldNumber(fields[index])),
  }));
  return { source: 'csv', rows: table.rows.length, columns };
}

function objectColumns(rows: unknown[]): Table {
  const valuesByColumn = new Map<string, number[]>();
  for (const row of rows) {
    if (typeof row !== 'object' || row === null) throw new Error('data.rows must be a list of objects');
    for (const [column, value] of Object.entries(row)) {
      if (value === null) continue;
      const values = valuesByColumn.get(column) ?? [];
      values.push(typeof value === 'number' ? value : Number.NaN);
      valuesByColumn.set(column, values);
    }
  }
  const columns = [...valuesByColumn].map(([column, values]) => ({ column, values }));
  return { source: 'data.rows', rows: rows.length, columns };
}
