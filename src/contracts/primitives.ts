import { z } from 'zod';

export const SLUG_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Names of agents, skills, domains, pools and task types. Upper case is folded. */
export const slugSchema = z
  .string()
  .toLowerCase()
  .regex(SLUG_PATTERN, 'must be 1–64 characters of a–z, 0–9, "_" or "-", beginning with a letter or a digit');

export const taskIdSchema = z.uuid();

/** ISO 8601 with an offset or `Z`, within the years that ISO 8601 writes with four digits. */
export const instantSchema = z.iso
  .datetime({ offset: true })
  .refine((text) => !(Date.parse(text) > Date.UTC(9999, 11, 31)), 'must be before the year 10000');

/** A set of skills: folded, in the order given, each once. */
export const skillsSchema = z
  .array(slugSchema)
  .max(32)
  .transform((skills) => [...new Set(skills)]);

/** An object of any JSON members, as it came. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());

export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(512).optional(),
});

export interface Page<Item> {
  items: Item[];
  /** Pass as `?cursor=` for the next page; null on the last. */
  nextCursor: string | null;
}
