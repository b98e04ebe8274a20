import { z } from 'zod';
import { jsonBytes } from '../util/json.ts';
import { instantSchema, jsonObjectSchema, skillsSchema, slugSchema } from './primitives.ts';
import { escalationSchema, stepSchema, type StepSpec } from './step.ts';

export const COMPLEXITIES = ['simple', 'moderate', 'complex'] as const;
export type Complexity = (typeof COMPLEXITIES)[number];

/** From least to most urgent; the index is the level. */
export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const TASK_STATUSES = [
  'accepted',
  'announced',
  'awarded',
  'running',
  'synthesizing',
  'escalated',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];
export type FinalTaskStatus = 'completed' | 'failed' | 'cancelled' | 'expired';

export function isFinal(status: TaskStatus): status is FinalTaskStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'expired';
}

export const SUBTASK_STATUSES = [
  'pending',
  'awarded',
  'running',
  'accepted',
  'rejected',
  'failed',
  'cancelled',
  /** A step that its condition left out, or the steps that it depends on. */
  'skipped',
] as const;
export type SubtaskStatus = (typeof SUBTASK_STATUSES)[number];

export const QUALITY_SOURCES = ['check', 'review', 'requester'] as const;
export type QualitySource = (typeof QUALITY_SOURCES)[number];

const MAX_DATA_BYTES = 256 * 1024;

export const ruleSchema = z.strictObject({
  name: z.string().min(1).max(200),
  expression: z.string().min(1).max(4000),
  severity: z.enum(['warn', 'reject']),
  blame: skillsSchema.optional(),
});
/** A cross-validation rule: a JSONata expression over `{task, deliveries}`; false breaks it. */
export type Rule = z.output<typeof ruleSchema>;

/** A task as it is submitted. Unknown members are refused. */
export const taskSubmissionSchema = z.strictObject({
  type: slugSchema,
  description: z.string().max(32_000).optional(),
  requiredSkills: skillsSchema.default([]),
  domain: slugSchema.optional(),
  complexity: z.enum(COMPLEXITIES).optional(),
  priority: z.enum(PRIORITIES).default('normal'),
  deadline: instantSchema.optional(),
  data: jsonObjectSchema
    .default({})
    .refine((data) => jsonBytes(data) <= MAX_DATA_BYTES, `must be at most ${MAX_DATA_BYTES} bytes as JSON`),
  maxTeamSize: z.number().int().min(1).max(10).optional(),
  allowPartial: z.boolean().default(false),
  maxAttempts: z.number().int().min(1).max(10).default(3),
  biddingTimeMs: z.number().int().min(100).max(600_000).default(30_000),
  timeoutMs: z.number().int().min(100).max(86_400_000).default(60_000),
  policy: slugSchema.optional(),
  rules: z.array(ruleSchema).max(32).optional(),
  steps: z
    .array(stepSchema)
    .max(64)
    .refine(
      (steps) => jsonBytes(steps.map((step) => step.data)) <= MAX_DATA_BYTES,
      `the data of all steps must be at most ${MAX_DATA_BYTES} bytes as JSON`,
    )
    .optional(),
  budget: z
    .strictObject({
      maxTokens: z.number().int().min(1).optional(),
      maxCostUsd: z.number().positive().optional(),
    })
    .optional(),
});
export type TaskSubmission = z.input<typeof taskSubmissionSchema>;
export type ParsedTaskSubmission = z.output<typeof taskSubmissionSchema>;

/** A submission as stored: defaults filled in, immutable for the life of the task. `data` is stored beside it. */
export interface TaskSpec {
  type: string;
  description?: string;
  requiredSkills: string[];
  domain?: string;
  complexity: Complexity;
  priority: Priority;
  deadline?: string;
  /** Undefined where the complexity decides. */
  maxTeamSize?: number;
  allowPartial: boolean;
  maxAttempts: number;
  biddingTimeMs: number;
  timeoutMs: number;
  policy: string;
  rules: Rule[];
  budget?: { maxTokens?: number | undefined; maxCostUsd?: number | undefined };
  /** Skills (and ids of steps) whose accepted delivery a rule of severity `reject` may still take back at cross-validation. */
  blamableSkills: string[];
  /** In the order submitted; subtask `n` answers for step `n`. Undefined: the market divides the task. */
  steps?: StepSpec[];
  /** Of the request that submitted the task, where traces are collected: W3C Trace Context. */
  traceparent?: string;
}

const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  uncoveredSkills: z.array(z.string()).optional(),
});

export const usageSchema = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  costUsd: z.number(),
});
export type Usage = z.infer<typeof usageSchema>;
export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };

/** What made a delivery, as its agent says. */
export const makerSchema = z.object({
  method: z.enum(['model', 'rules']),
  model: z.string().optional().describe('name of the model; several, in the order used, where the work was handed on'),
  endpoint: z.string().optional().describe('host that served it'),
  unpriced: z.boolean().optional().describe('true where no price is known, as for local models: costUsd leaves it out'),
  estimated: z.boolean().optional().describe('true where the server told no usage and tokens were estimated'),
});
export type Maker = z.infer<typeof makerSchema>;

export const warningSchema = z.object({
  rule: z.string(),
  message: z.string(),
  blame: z.array(z.string()),
});
export type Warning = z.infer<typeof warningSchema>;

export const taskResultSchema = z.object({
  taskId: z.string(),
  success: z.boolean(),
  contributors: z.array(z.string()),
  sections: z.record(z.string(), z.unknown()),
  warnings: z.array(warningSchema),
  quality: z.number().nullable().describe('mean of the known qualities, 0–100; null where none is known'),
  durationMs: z.number().describe('first start to last settlement'),
  sequentialMs: z.number().describe('sum of the parts'),
  speedup: z.number().describe('sequentialMs / durationMs'),
});
export type TaskResult = z.infer<typeof taskResultSchema>;

export const subtaskViewSchema = z.object({
  id: z.string(),
  skill: z.string().nullable().describe('the skill it answers for; null for a task that requires none'),
  skills: z.array(z.string()).describe('all skills it covers: several for a simple task of several skills'),
  status: z.enum(SUBTASK_STATUSES),
  agentId: z.string().nullable(),
  attempt: z.number(),
  epoch: z.number(),
  progressPercent: z.number(),
  quality: z.number().nullable(),
  qualitySource: z.enum(QUALITY_SOURCES).nullable(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  madeBy: makerSchema.optional().describe('whether a model or rules made the delivery'),
  result: z.unknown().optional(),
  error: failureSchema.optional(),
  stepId: z.string().optional().describe('the step it answers for'),
  dependsOn: z.array(z.string()).optional().describe('ids of steps'),
  waitsFor: z.array(z.string()).optional().describe('those of them that are not settled yet'),
  iteration: z.number().int().optional().describe('of a step, from 1: grows each time the work is sent back'),
});
export type SubtaskView = z.infer<typeof subtaskViewSchema>;

export const teamMemberSchema = z.object({
  agentId: z.string(),
  skills: z.array(z.string()),
  score: z.number(),
  subtaskIds: z.array(z.string()),
});
export type TeamMember = z.infer<typeof teamMemberSchema>;

/** A task as it is read. */
export const taskViewSchema = z.object({
  id: z.string(),
  type: z.string(),
  description: z.string().optional(),
  requiredSkills: z.array(z.string()),
  domain: z.string().optional(),
  complexity: z.enum(COMPLEXITIES),
  priority: z.enum(PRIORITIES),
  deadline: z.string().optional(),
  data: jsonObjectSchema,
  maxTeamSize: z.number(),
  allowPartial: z.boolean(),
  maxAttempts: z.number(),
  biddingTimeMs: z.number(),
  timeoutMs: z.number(),
  policy: z.string(),
  rules: z.array(ruleSchema),
  budget: z.object({ maxTokens: z.number().optional(), maxCostUsd: z.number().optional() }).optional(),
  status: z.enum(TASK_STATUSES),
  ownerId: z.string(),
  round: z.number(),
  team: z.array(teamMemberSchema),
  subtasks: z.array(subtaskViewSchema),
  progressPercent: z.number(),
  steps: z.array(stepSchema).optional(),
  escalations: z.array(escalationSchema).optional().describe('what a person was asked, oldest first'),
  result: taskResultSchema.optional(),
  warnings: z.array(warningSchema),
  error: failureSchema.optional(),
  usage: usageSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
  finishedAt: z.string().nullable(),
});
export type TaskView = z.infer<typeof taskViewSchema>;

/** A task as lists show it: without what it was given and what was delivered. */
export const taskListItemSchema = taskViewSchema.omit({ data: true, steps: true }).extend({
  subtasks: z.array(subtaskViewSchema.omit({ result: true })),
  result: taskResultSchema.omit({ sections: true }).optional(),
});
export type TaskListItem = z.infer<typeof taskListItemSchema>;
