import { z } from 'zod';
import { jsonObjectSchema, slugSchema } from './primitives.ts';

export const skillCheckSchema = z.strictObject({
  name: z.string().min(1).max(200),
  expression: z.string().min(1).max(4000).describe('JSONata over {task, value}; true holds'),
  weight: z.number().positive().max(1000).default(1),
});
export type SkillCheck = z.output<typeof skillCheckSchema>;

export const skillBodySchema = z.strictObject({
  description: z.string().max(4000).default(''),
  outputSchema: jsonObjectSchema.optional().describe('JSON Schema (draft 2020-12) that a delivery must satisfy'),
  checks: z.array(skillCheckSchema).max(32).default([]),
});
export type SkillBody = z.output<typeof skillBodySchema>;

export const skillSchema = skillBodySchema.extend({ id: slugSchema });
/** A skill as the market records it; no bidder can change it. */
export type Skill = z.output<typeof skillSchema>;
