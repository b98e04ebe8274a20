import { z } from 'zod';
import { skillsSchema, slugSchema } from './primitives.ts';

export const DEFAULT_CAPACITY = 4;
export const AGENT_STATUSES = ['active', 'draining', 'suspended'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];

export const TIERS = ['Elite', 'Expert', 'Competent', 'Developing', 'Needs Improvement'] as const;
export type Tier = (typeof TIERS)[number];

const agentFields = {
  name: z.string().min(1).max(200),
  skills: skillsSchema.refine((skills) => skills.length > 0, 'must name at least one skill'),
  domains: z.array(slugSchema).max(32),
  capacity: z.number().int().min(1).max(1000).describe('subtasks at once per replica'),
};

/** What an agent registers of itself. */
export const agentRegistrationSchema = z.strictObject({
  id: slugSchema,
  name: agentFields.name.optional(),
  skills: agentFields.skills,
  domains: agentFields.domains.default([]),
  capacity: agentFields.capacity.default(DEFAULT_CAPACITY),
  pool: slugSchema.optional().describe('the pool whose processes serve it'),
});
export type AgentRegistration = z.output<typeof agentRegistrationSchema>;

export const agentChangeSchema = z
  .strictObject({ ...agentFields, status: z.enum(AGENT_STATUSES) })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must change something');
export type AgentChange = z.output<typeof agentChangeSchema>;

export const replicaViewSchema = z.object({
  id: z.string(),
  startedAt: z.string(),
  heartbeatAt: z.string(),
  healthy: z.boolean(),
  reason: z.string().nullable(),
  eventLoopDelayMs: z.number(),
  memoryPercent: z.number(),
});
export type ReplicaView = z.infer<typeof replicaViewSchema>;

export const agentViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  skills: z.array(z.string()),
  domains: z.array(z.string()),
  capacity: z.number(),
  pool: z.string().nullable(),
  status: z.enum(AGENT_STATUSES),
  reputation: z.number(),
  tier: z.enum(TIERS),
  loadPercent: z.number(),
  reservedSlots: z.number(),
  healthy: z.boolean().describe('at least one live replica that reports itself healthy'),
  replicas: z.array(replicaViewSchema),
  registeredAt: z.string(),
});
export type AgentView = z.infer<typeof agentViewSchema>;
