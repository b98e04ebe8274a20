import { z } from 'zod';

export const ROLES = ['submitter', 'agent', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls: what a key, or the keyless embedded mode, stands for. */
export interface Principal {
  keyId: string | null;
  role: Role;
  /** Tasks belong to an owner; an admin sees those of all. */
  ownerId: string;
}

export const keyRequestSchema = z.strictObject({
  role: z.enum(ROLES),
  name: z.string().max(200).optional(),
  ownerId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional()
    .describe('keys of one owner see the same tasks; default: an owner of its own'),
});
export type KeyRequest = z.output<typeof keyRequestSchema>;

export const keyViewSchema = z.object({
  id: z.string(),
  role: z.enum(ROLES),
  name: z.string().nullable(),
  ownerId: z.string(),
  createdAt: z.string(),
  revokedAt: z.string().nullable(),
});
export type KeyView = z.infer<typeof keyViewSchema>;
export const createdKeySchema = keyViewSchema.extend({ key: z.string().describe('shown this once') });
export type CreatedKey = z.infer<typeof createdKeySchema>;

export const auditEntrySchema = z.object({
  seq: z.number(),
  at: z.string(),
  actor: z.string(),
  action: z.string(),
  target: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
  hash: z.string().describe("SHA-256 in hex of this entry and, through its predecessor's hash, of all before it"),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

export const feedbackSchema = z.strictObject({
  subtaskId: z.string().max(64).optional(),
  quality: z.number().min(0).max(100),
  comment: z.string().max(4000).optional(),
});
export type Feedback = z.output<typeof feedbackSchema>;
