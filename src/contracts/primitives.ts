import { z } from 'zod';

export const SLUG_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** Names of agents, skills, domains, pools and task types. Upper case is folded. */
export const slugSchema = z
  .string()
  .toLowerCase()
  .regex(SLUG_PATTERN, 'must be 1–64 characters of a–z, 0–9, "_" or "-", beginning with a letter or a digit');

export const taskIdSchema = z.uuid();

/** `<taskId>-<n>`, n from 0. */
export const subtaskIdSchema = z.string().regex(/^[0-9a-f-]{36}-\d{1,3}$/);

/** ISO 8601 with an offset or `Z`. */
export const instantSchema = z.iso.datetime({ offset: true });

export const percentSchema = z.number().min(0).max(100);

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
