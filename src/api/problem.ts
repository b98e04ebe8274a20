import { z } from 'zod';
import type { ErrorCode, FieldError } from '../contracts/errors.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export const problemSchema = z.object({
  type: z.string().describe('a URN made from the code'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string().describe('stable; decide by this'),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** An RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  errors?: FieldError[];
}
