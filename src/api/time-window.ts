import { z } from 'zod';

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const MIN_WINDOW_MS = 100;
const MAX_WINDOW_MS = 90 * UNITS_MS.d;
const PATTERN = /^(\d{1,12})(ms|s|m|h|d)$/;

/** A length of time as `7d`, `1h`, `30m`, `90s` or `500ms`, from 100 ms to 90 days; read as milliseconds. */
export const timeWindowSchema = z
  .string()
  .regex(PATTERN, 'must be a whole number with a unit (ms, s, m, h, d), as 7d or 90s')
  .transform((text) => {
    const [, amount, unit] = PATTERN.exec(text) ?? [];
    return Number(amount) * UNITS_MS[unit as keyof typeof UNITS_MS];
  })
  .refine((windowMs) => windowMs >= MIN_WINDOW_MS && windowMs <= MAX_WINDOW_MS, 'must be from 100ms to 90d');
