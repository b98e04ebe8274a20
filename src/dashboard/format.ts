const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const MINUTE = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

export const NONE = '–';

export function number(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined) return NONE;
  return digits === 0 ? WHOLE.format(value) : NUMBER.format(Number(value.toFixed(digits)));
}

export function signed(value: number): string {
  if (value === 0) return '±0';
  return value < 0 ? `−${number(-value)}` : `+${number(value)}`;
}

/** Of a share from 0 to 1. */
export function share(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : percent(value * 100);
}

export function percent(value: number): string {
  return `${number(value, 1)} %`;
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1_000) return `${number(ms, 0)} ms`;
  if (ms < 60_000) return `${number(ms / 1_000)} s`;
  if (ms < 3_600_000) return twoUnits(ms / 1_000, 'min', 's');
  if (ms < 86_400_000) return twoUnits(ms / 60_000, 'h', 'min');
  return twoUnits(ms / 3_600_000, 'd', 'h', 24);
}

function twoUnits(small: number, large: string, unit: string, each = 60): string {
  const rest = Math.floor(small % each);
  return `${Math.floor(small / each)} ${large}${rest === 0 ? '' : ` ${rest} ${unit}`}`;
}

export function clock(at: string | number): string {
  return CLOCK.format(new Date(at));
}

export function day(at: string | number): string {
  return DAY.format(new Date(at));
}

/** How long ago, in one unit. */
export function ago(at: string, nowMs: number): string {
  const seconds = Math.max(0, (nowMs - Date.parse(at)) / 1_000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return day(at);
}

/** `NO_SKILL` as "no skill". */
export function words(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count, 0)} ${count === 1 ? one : many}`;
}

/** A label of an axis that counts: none between whole numbers. */
export function wholeTick(value: number): string {
  return Number.isInteger(value) ? WHOLE.format(value) : '';
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A UUID by its end, where it is not what matters; any other name as it is. */
export function shortName(text: string): string {
  return UUID.test(text) ? shortId(text) : text;
}

export function shortId(id: string): string {
  return `…${id.slice(-8)}`;
}

/** A point on an axis of this length. */
export function instantWithin(spanMs: number, atMs: number): string {
  if (spanMs < 180_000) return CLOCK.format(atMs);
  return spanMs < 129_600_000 ? MINUTE.format(atMs) : DATE.format(atMs);
}
