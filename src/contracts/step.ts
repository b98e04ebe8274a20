import { z } from 'zod';
import { jsonObjectSchema, skillsSchema, slugSchema } from './primitives.ts';

const expressionSchema = z.string().min(1).max(4000);

const switchSchema = z.strictObject({
  on: expressionSchema.describe('over {task, deliveries}, with this step’s own delivery; comes to a text'),
  cases: z
    .record(z.string().min(1).max(200), slugSchema)
    .refine((cases) => Object.keys(cases).length >= 1, 'must have at least one case')
    .describe('which step goes on, by what `on` comes to; the other steps named here are skipped'),
  default: slugSchema.optional().describe('which step goes on in every other case; without it none does'),
});

const reviewSchema = z.strictObject({
  of: slugSchema.describe('the earlier step whose delivery is reviewed'),
  until: expressionSchema.describe(
    'over {task, deliveries}, with this step’s own delivery; what is not true sends back',
  ),
  maxIterations: z.number().int().min(1).max(10).default(3).describe('of the reviewed work'),
  escalate: z
    .boolean()
    .default(false)
    .describe('a person decides when the iterations are used up; else the step fails'),
});

export const stepSchema = z.strictObject({
  id: slugSchema,
  skills: skillsSchema,
  description: z.string().max(32_000).optional().describe('in place of the task’s'),
  data: jsonObjectSchema.optional().describe('added to the task’s; its own members win'),
  dependsOn: z
    .array(slugSchema)
    .max(64)
    .transform((ids) => [...new Set(ids)])
    .optional(),
  when: expressionSchema
    .optional()
    .describe('over {task, deliveries}, with the deliveries of the steps that it depends on; false skips the step'),
  switch: switchSchema.optional(),
  review: reviewSchema.optional(),
});
export type Step = z.output<typeof stepSchema>;

/**
 * A step as decisions see it. Its data, and its description whole, are stored beside it: only its agent needs them. Of its
 * `description` there is here what is announced.
 */
export type StepSpec = Pick<Step, 'id' | 'skills' | 'description' | 'when' | 'switch' | 'review'> & {
  dependsOn: string[];
};

/** What the agents of steps are given, by the step's number. */
export type StepInputs = Record<string, Pick<Step, 'description' | 'data'>>;

export const escalationSchema = z.object({
  subtaskId: z.string(),
  stepId: z.string(),
  reason: z.literal('REVIEW_EXHAUSTED'),
  message: z.string(),
  choices: z.array(z.string()).describe('what `choose` may name'),
  at: z.string(),
  dueAt: z.string().describe('undecided by then counts as rejected'),
  decision: z
    .object({
      decision: z.enum(['approve', 'reject', 'choose']),
      choice: z.string().optional(),
      note: z.string().optional(),
      at: z.string(),
    })
    .optional(),
});
/** What a person is asked to decide of a step, and what was decided. */
export type Escalation = z.output<typeof escalationSchema>;

export const decisionSchema = z.strictObject({
  decision: z.enum(['approve', 'reject', 'choose']),
  choice: z.string().max(200).optional().describe('one of the escalation’s choices; required by `choose`'),
  note: z.string().max(4_000).optional(),
  subtaskId: z.string().max(128).optional().describe('which escalation is meant; needed only where several are open'),
});
/** A person's answer to an escalation. */
export type EscalationAnswer = z.output<typeof decisionSchema>;
