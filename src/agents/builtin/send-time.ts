import { roundTo } from './rounding.ts';
import type { CampaignRow } from './campaign-history.ts';

export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface SendTime {
  weekday: Weekday;
  /** 0–23, as in the history: the hour of whoever wrote it down. */
  hour: number;
}

export interface BestSendTime extends SendTime {
  /** Sends that this rests on. */
  sent: number;
  /** Conversions per send, 0–1. */
  conversionRate: number;
}

/** A weekday's hour with fewer sends says too little to be recommended. */
export const MIN_SLOT_SENDS = 1000;

/**
 * The weekday and hour whose conversion rate is best, by the lower end of its 95 % Wilson interval: among some ninety
 * slots the highest bare rate is usually a small sample's luck. Null if no slot has 1,000 sends.
 */
export function bestSendTime(rows: readonly CampaignRow[]): BestSendTime | null {
  const slots = new Map<string, { weekday: Weekday; hour: number; sent: number; converted: number }>();
  for (const row of rows) {
    if (row.hour === null) continue;
    const weekday = weekdayOf(row.date);
    const key = `${weekday} ${row.hour}`;
    const slot = slots.get(key) ?? { weekday, hour: row.hour, sent: 0, converted: 0 };
    slot.sent += row.sent;
    slot.converted += row.converted;
    slots.set(key, slot);
  }
  const [best] = [...slots.values()]
    .filter((slot) => slot.sent >= MIN_SLOT_SENDS)
    .sort((a, b) => wilsonLowerBound(b.converted, b.sent) - wilsonLowerBound(a.converted, a.sent));
  if (best === undefined) return null;
  const { weekday, hour, sent } = best;
  return { weekday, hour, sent, conversionRate: roundTo(best.converted / sent, 6) };
}

/** The first such moment on or after `firstDay` (`YYYY-MM-DD`), as local time without a zone: `2027-01-12T10:00`. */
export function nextSendAt(time: SendTime, firstDay: string): string {
  const day = new Date(`${firstDay}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + ((WEEKDAYS.indexOf(time.weekday) - day.getUTCDay() + 7) % 7));
  return `${day.toISOString().slice(0, 10)}T${clockTime(time)}`;
}

export function clockTime(time: SendTime): string {
  return `${String(time.hour).padStart(2, '0')}:00`;
}

function weekdayOf(date: string): Weekday {
  return WEEKDAYS[new Date(`${date}T00:00:00Z`).getUTCDay()] ?? 'Sunday';
}

function wilsonLowerBound(successes: number, trials: number): number {
  const z = 1.959964;
  const share = successes / trials;
  const centre = share + z ** 2 / (2 * trials);
  const spread = z * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return (centre - spread) / (1 + z ** 2 / trials);
}
