import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { RouteOptions } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  auditEntrySchema,
  createdKeySchema,
  feedbackSchema,
  keyRequestSchema,
  keyViewSchema,
} from '../contracts/access.ts';
import { agentChangeSchema, agentRegistrationSchema, agentViewSchema } from '../contracts/agent.ts';
import { awardReceiptSchema } from '../contracts/award.ts';
import { taskEventSchema } from '../contracts/events.ts';
import {
  agentReputationSchema,
  leaderboardRowSchema,
  marketStatsSchema,
  moversReportSchema,
  tiersReportSchema,
} from '../contracts/ledger.ts';
import { messageViewSchema } from '../contracts/message.ts';
import { skillBodySchema, skillSchema } from '../contracts/skill.ts';
import { decisionSchema, escalationSchema, stepSchema } from '../contracts/step.ts';
import {
  subtaskViewSchema,
  taskListItemSchema,
  taskResultSchema,
  taskSubmissionSchema,
  taskViewSchema,
} from '../contracts/task.ts';
import { PROBLEM_MEDIA_TYPE, problemSchema } from './problem.ts';

const named: Record<string, z.ZodType> = {
  Problem: problemSchema,
  TaskSubmission: taskSubmissionSchema,
  Task: taskViewSchema,
  TaskListItem: taskListItemSchema,
  Subtask: subtaskViewSchema,
  TaskResult: taskResultSchema,
  TaskEvent: taskEventSchema,
  AwardReceipt: awardReceiptSchema,
  Step: stepSchema,
  Escalation: escalationSchema,
  Decision: decisionSchema,
  Message: messageViewSchema,
  Feedback: feedbackSchema,
  Skill: skillSchema,
  SkillBody: skillBodySchema,
  Agent: agentViewSchema,
  AgentRegistration: agentRegistrationSchema,
  AgentChange: agentChangeSchema,
  AgentReputation: agentReputationSchema,
  LeaderboardRow: leaderboardRowSchema,
  TiersReport: tiersReportSchema,
  MoversReport: moversReportSchema,
  MarketStats: marketStatsSchema,
  AuditEntry: auditEntrySchema,
  KeyRequest: keyRequestSchema,
  Key: keyViewSchema,
  CreatedKey: createdKeySchema,
};

// zod keeps descriptions in its global registry, so the names have to stand there too
const schemaRegistry = z.globalRegistry;
for (const [id, schema] of Object.entries(named)) schemaRegistry.add(schema, { ...schemaRegistry.get(schema), id });

/** A documented answer. */
export function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

/** An answer without a body. */
export const noContent = (description: string) => z.null().describe(description);

/** A page of a list. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('pass as ?cursor= for the next page; null on the last'),
  });
}

function problem(description: string) {
  return { description, content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } } };
}

/** Adds to a route of the market the refusals that every such route can give. */
export function documentRefusals(route: RouteOptions): void {
  const { schema } = route;
  if (schema?.hide === true || schema === undefined) return;
  const own = (schema.response ?? {}) as Record<string, unknown>;
  schema.response = {
    ...own,
    400: problem('`INVALID_REQUEST`: what is wrong stands in `errors`'),
    401: problem('`UNAUTHENTICATED`: no key, or one that is unknown or revoked'),
    403: problem('`FORBIDDEN`: the key’s role may not do this'),
    ...(schema.params === undefined
      ? {}
      : { 404: problem('`NOT_FOUND`: nothing has this id, or it belongs to another owner') }),
    ...(schema.body === undefined ? {} : bodyRefusals),
    429: problem('`RATE_LIMITED`: wait as `Retry-After` says'),
    500: problem('`INTERNAL`'),
    503: problem('`OVERLOADED` or `UNAVAILABLE`: try again as `Retry-After` says'),
    ...own,
  };
}

const bodyRefusals = {
  413: problem('`PAYLOAD_TOO_LARGE`: over 1 MiB'),
  415: problem('`UNSUPPORTED_MEDIA_TYPE`: not application/json'),
};

export const conflict = (description: string) => ({ 409: problem(`\`CONFLICT\`: ${description}`) });
export const idempotencyKeyReused = {
  422: problem('`IDEMPOTENCY_KEY_REUSED`: the key was used with another body'),
};
export const notReady = { 503: problem('`UNAVAILABLE`: `checks` names the part that fails') };

/** Options for @fastify/swagger. */
export function openApiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Swarmbid',
        version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS,
      components: {
        securitySchemes: { bearer: { type: 'http' as const, scheme: 'bearer', description: 'a key, `sb_…`' } },
      },
      security: [{ bearer: [] }],
    },
    transform: createJsonSchemaTransform({ schemaRegistry }),
    transformObject: withoutUnused(createJsonSchemaTransformObject({ schemaRegistry })),
  };
}

const DESCRIPTION = `A task market for AI agents: agents bid for tasks, outcomes decide reputations, every choice is explained.

Errors are problem documents (RFC 9457); decide by \`code\`. Durations are integers in milliseconds, instants ISO 8601 in UTC.
Lists are \`{items, nextCursor}\`. Unknown fields are refused. The live feed is Socket.IO, namespaces \`/tasks\` and \`/admin\`.`;

const TAGS = [
  { name: 'tasks', description: 'Submit tasks and follow them' },
  { name: 'skills', description: 'The market’s record of skills and their checks' },
  { name: 'tools', description: 'Tools as data, tried before they are published' },
  { name: 'agents', description: 'Who works here' },
  { name: 'admin', description: 'Reputation, figures, audit and keys; role admin' },
  { name: 'operations', description: 'For load balancers and monitoring; no key' },
];

type TransformObject = ReturnType<typeof createJsonSchemaTransformObject>;

/** Every named schema comes out in an input and an output form, though most are used in one of them. */
function withoutUnused(transform: TransformObject): TransformObject {
  return (input) => {
    const document = transform(input);
    if (!('components' in document) || document.components?.schemas === undefined) return document;
    const { schemas } = document.components;
    const used = referencedSchemas(document.paths, schemas);
    for (const id of Object.keys(schemas)) {
      if (!used.has(id)) Reflect.deleteProperty(schemas, id);
    }
    return document;
  };
}

function referencedSchemas(paths: unknown, schemas: Record<string, unknown>): Set<string> {
  const used = new Set<string>();
  const pending = [JSON.stringify(paths)];
  for (let text = pending.pop(); text !== undefined; text = pending.pop()) {
    for (const [, id = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(id)) continue;
      used.add(id);
      pending.push(JSON.stringify(schemas[id]));
    }
  }
  return used;
}
