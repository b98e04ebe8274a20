import { z } from 'zod';
import { wordsFor } from './util/validation-words.ts';
import { AWARD_POLICIES, type AwardPolicyName } from './contracts/award-policy.ts';
import { slugSchema } from './contracts/primitives.ts';
import {
  caFileSchema,
  certificateFault,
  fileTextSchema,
  postgresUrlSchema,
  trustingCa,
  type ServerCertificate,
} from './tls-settings.ts';
import type { CrashAt } from './util/crash-point.ts';

const ROLES = ['api', 'orchestrator', 'agents'] as const;
export type ProcessRole = (typeof ROLES)[number];

/** Compose files pass `${X:-}`: an empty variable counts as unset. */
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());
const withDefault = <Schema extends z.ZodType>(schema: Schema, fallback: z.input<Schema>) =>
  z.preprocess((value) => (value === '' || value === undefined ? fallback : value), schema);

const weightsSchema = z
  .string()
  // an empty part is no number, though `Number` makes 0 of it
  .transform((text) => text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part))))
  .refine(
    (parts) => parts.length === 3 && parts.every((part) => part >= 0 && part <= 1) && parts.some((part) => part > 0),
    {
      message: 'must be three numbers from 0 to 1, "reputation,skillMatch,load", as 0.4,0.4,0.2',
    },
  )
  .transform(([reputation = 0, skillMatch = 0, load = 0]) => ({ reputation, skillMatch, load }));

const listOf = <Schema extends z.ZodType<string, string>>(item: Schema) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item));

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
const hostsSchema = z
  .string()
  .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
  .transform((hosts) => hosts.filter((host) => host !== ''))
  .pipe(z.array(z.string().regex(/^[a-z0-9.[\]:-]+$/, 'must be host names or addresses, each with a port or without')));

const mcpServerSchema = z.union([
  z.strictObject({ url: z.url(), headers: z.record(z.string(), z.string()).optional() }),
  z.strictObject({
    command: z.string().min(1),
    args: z.array(z.string()).optional(),
    env: z.record(z.string(), z.string()).optional(),
    cwd: z.string().optional(),
  }),
]);

const mcpServersSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('must be JSON: {"name": {"url": "…"}} or {"name": {"command": "…", "args": […]}}');
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().min(1).max(64), mcpServerSchema));

const environmentSchema = z
  .object({
    HOST: withDefault(z.string(), '127.0.0.1'),
    PORT: withDefault(z.coerce.number().int().min(0).max(65_535), 3000),
    TLS_CERT_FILE: optional(fileTextSchema),
    TLS_KEY_FILE: optional(fileTextSchema),
    DATABASE_URL: optional(postgresUrlSchema),
    DATABASE_MIGRATION_URL: optional(postgresUrlSchema),
    REDIS_URL: optional(z.string().regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')),
    REDIS_TLS_CA_FILE: optional(caFileSchema),
    SWARMBID_DATA_DIR: withDefault(z.string(), '.swarmbid'),
    SWARMBID_ROLES: withDefault(
      z
        .string()
        .transform((text) => text.split(',').map((role) => role.trim()))
        .pipe(z.array(z.enum(ROLES)).min(1)),
      'api,orchestrator,agents',
    ),
    SWARMBID_POOL: optional(slugSchema),
    BID_WINDOW_MS: withDefault(z.coerce.number().int().min(10).max(60_000), 250),
    LEASE_MS: withDefault(z.coerce.number().int().min(500).max(600_000), 10_000),
    AWARD_POLICY: withDefault(z.string().toLowerCase().pipe(z.enum(AWARD_POLICIES)), 'weighted'),
    AWARD_WEIGHTS: withDefault(weightsSchema, '0.4,0.4,0.2'),
    RETENTION_DAYS: optional(z.coerce.number().int().min(1).max(36_500)),
    DRAIN_MS: withDefault(z.coerce.number().int().min(0).max(600_000), 10_000),
    MAX_OPEN_TASKS: withDefault(z.coerce.number().int().min(1).max(10_000_000), 50_000),
    MAX_OPEN_TASKS_PER_OWNER: withDefault(z.coerce.number().int().min(1).max(10_000_000), 25_000),
    MAX_EVENT_LOOP_DELAY_MS: withDefault(z.coerce.number().int().min(10).max(60_000), 1_000),
    MAX_POOL_WAIT_MS: withDefault(z.coerce.number().int().min(10).max(60_000), 1_000),
    MAX_REQUESTS_PER_MINUTE: withDefault(z.coerce.number().int().min(1).max(10_000_000), 300_000),
    CORS_ORIGINS: withDefault(listOf(z.string().refine(isOrigin, 'must be origins, as https://shop.example')), ''),
    TRUSTED_PROXIES: withDefault(listOf(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])), ''),
    POOL_SECRET: optional(z.string().min(16)),
    OPENAI_BASE_URL: optional(z.url()),
    OPENAI_API_KEY: optional(z.string()),
    OPENAI_MODEL: optional(z.string()),
    TOOL_HTTP_HOSTS: withDefault(hostsSchema, ''),
    TOOL_HTTP_PRIVATE: withDefault(z.enum(['true', 'false']), 'false'),
    MCP_SERVERS: withDefault(mcpServersSchema, '{}'),
    OTEL_EXPORTER_OTLP_ENDPOINT: optional(z.url()),
    OTEL_SERVICE_NAME: withDefault(z.string(), 'swarmbid'),
    LOG_LEVEL: withDefault(z.enum(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace']), 'info'),
    CRASH_AT: optional(
      z
        .string()
        .regex(/^[a-z][a-z_-]*:[1-9]\d{0,5}$/, 'must be name:n, as after-claim:3')
        .transform(crashAtOf),
    ),
    SWARMBID_ADMIN_KEY: optional(z.string().regex(/^sb_.{8,}$/, 'must begin with sb_ and have at least 11 characters')),
  })
  .refine((env) => env.REDIS_URL === undefined || env.DATABASE_URL !== undefined, {
    path: ['REDIS_URL'],
    message: 'needs DATABASE_URL too: Redis only carries, PostgreSQL holds the market',
    when: () => true, // also when another variable is at fault: all faults are told at once
  })
  .refine((env) => env.REDIS_TLS_CA_FILE === undefined || everyNodeByTls(env.REDIS_URL), {
    path: ['REDIS_TLS_CA_FILE'],
    message: 'needs rediss:// for each server in REDIS_URL, which is not asked for a certificate otherwise',
    when: () => true,
  })
  .refine((env) => (env.TLS_CERT_FILE === undefined) === (env.TLS_KEY_FILE === undefined), {
    path: ['TLS_CERT_FILE'],
    message: 'TLS_CERT_FILE and TLS_KEY_FILE need each other: set both or neither',
    when: () => true,
  })
  .superRefine((env, context) => {
    const certificate = certificateOf(env);
    const fault = certificate && certificateFault(certificate);
    if (fault !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['TLS_CERT_FILE'],
        message: `does not serve with TLS_KEY_FILE: ${fault}`,
      });
  });

function everyNodeByTls(redisUrls: string | undefined): boolean {
  return redisUrls?.split(',').every((url) => url.trim().startsWith('rediss://')) === true;
}

function certificateOf(env: { TLS_CERT_FILE?: string | undefined; TLS_KEY_FILE?: string | undefined }) {
  const { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } = env;
  return cert === undefined || key === undefined ? undefined : ({ cert, key } satisfies ServerCertificate);
}

function crashAtOf(text: string): CrashAt {
  const [point = '', time] = text.split(':');
  return { point, time: Number(time) };
}

type Environment = z.output<typeof environmentSchema>;

/** An OpenAI-compatible server. */
export interface ModelConfig {
  /** Undefined: OpenAI's own. */
  baseUrl: string | undefined;
  apiKey: string | undefined;
  /** Undefined: chosen by the agent. */
  model: string | undefined;
}

export interface ToolsConfig {
  http: { hosts: string[]; allowPrivate: boolean };
  mcpServers: ({ name: string } & z.output<typeof mcpServerSchema>)[];
}

export interface Config {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Undefined: plain HTTP. */
  tls: ServerCertificate | undefined;
  /** Undefined: embedded, with a PostgreSQL server of our own under `dataDir`. */
  databaseUrl: string | undefined;
  /** The owner's connection, for migrations only. */
  migrationUrl: string | undefined;
  /** Undefined: PostgreSQL carries the bus and the queues. Several, comma-separated: a Redis Cluster. */
  redisUrl: string | undefined;
  dataDir: string;
  roles: ProcessRole[];
  pool: string | undefined;
  /** The market's secret, or a pool's credential; undefined: the secret that the database keeps. */
  poolSecret: string | undefined;
  bidWindowMs: number;
  leaseMs: number;
  awardPolicy: AwardPolicyName;
  awardWeights: Environment['AWARD_WEIGHTS'];
  /** Ended tasks are deleted so many days after their end; undefined: never. */
  retentionDays: number | undefined;
  /** How long a process that stops waits for what runs. */
  drainMs: number;
  limits: {
    openTasks: number;
    openTasksPerOwner: number;
    eventLoopDelayMs: number;
    poolWaitMs: number;
    requestsPerMinute: number;
  };
  corsOrigins: string[];
  trustedProxies: string[];
  /** Undefined: agents that name no model of their own work by rules. */
  model: ModelConfig | undefined;
  /** What tools that are data may reach. */
  tools: ToolsConfig;
  logLevel: string;
  /** Where traces go; undefined: nowhere. */
  tracing: { endpoint: string; serviceName: string } | undefined;
  adminKey: string | undefined;
  /** For tests of faults: where this process dies. */
  crashAt: CrashAt | undefined;
}

/** A setting from a command line, for the variable that it takes the place of. */
export interface CommandOption {
  variable: string;
  /** As it was typed, `--port`. */
  flag: string;
  value: string;
}

/** Thrown with every fault of the environment and the command line at once. */
export class ConfigError extends Error {
  constructor(faults: string[]) {
    const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
    super(`The configuration has ${count}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * The only reader of the environment. Options of a command line win over it, each under the name of its variable, and a
 * fault in one names the option.
 * @throws ConfigError that names every fault, its value and what is allowed
 */
export function readConfig(env: NodeJS.ProcessEnv, options: readonly CommandOption[] = []): Config {
  const values = parseEnvironment(env, options);
  return {
    host: values.HOST,
    port: values.PORT,
    tls: certificateOf(values),
    databaseUrl: values.DATABASE_URL,
    migrationUrl: values.DATABASE_MIGRATION_URL,
    redisUrl: redisUrlOf(values),
    dataDir: values.SWARMBID_DATA_DIR,
    roles: values.SWARMBID_ROLES,
    pool: values.SWARMBID_POOL,
    poolSecret: values.POOL_SECRET,
    bidWindowMs: values.BID_WINDOW_MS,
    leaseMs: values.LEASE_MS,
    awardPolicy: values.AWARD_POLICY,
    awardWeights: values.AWARD_WEIGHTS,
    retentionDays: values.RETENTION_DAYS,
    drainMs: values.DRAIN_MS,
    limits: {
      openTasks: values.MAX_OPEN_TASKS,
      openTasksPerOwner: values.MAX_OPEN_TASKS_PER_OWNER,
      eventLoopDelayMs: values.MAX_EVENT_LOOP_DELAY_MS,
      poolWaitMs: values.MAX_POOL_WAIT_MS,
      requestsPerMinute: values.MAX_REQUESTS_PER_MINUTE,
    },
    corsOrigins: values.CORS_ORIGINS,
    trustedProxies: values.TRUSTED_PROXIES,
    model: modelOf(values),
    tools: {
      http: { hosts: values.TOOL_HTTP_HOSTS, allowPrivate: values.TOOL_HTTP_PRIVATE === 'true' },
      mcpServers: Object.entries(values.MCP_SERVERS).map(([name, server]) => ({ name, ...server })),
    },
    logLevel: values.LOG_LEVEL,
    tracing:
      values.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : { endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT, serviceName: values.OTEL_SERVICE_NAME },
    adminKey: values.SWARMBID_ADMIN_KEY,
    crashAt: values.CRASH_AT,
  };
}

function redisUrlOf({ REDIS_URL, REDIS_TLS_CA_FILE }: Environment): string | undefined {
  return REDIS_URL === undefined || REDIS_TLS_CA_FILE === undefined
    ? REDIS_URL
    : trustingCa(REDIS_URL, REDIS_TLS_CA_FILE);
}

/** A name of a model alone says of no server. */
function modelOf({ OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL }: Environment): ModelConfig | undefined {
  if (OPENAI_BASE_URL === undefined && OPENAI_API_KEY === undefined) return undefined;
  return { baseUrl: OPENAI_BASE_URL, apiKey: OPENAI_API_KEY, model: OPENAI_MODEL };
}

function parseEnvironment(env: NodeJS.ProcessEnv, options: readonly CommandOption[]): Environment {
  const settings = Object.fromEntries(options.map(({ variable, value }) => [variable, value]));
  const parsed = environmentSchema.safeParse(options.length === 0 ? env : { ...env, ...settings }, { error: wordsFor });
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    parsed.error.issues.map((issue) => {
      const name = String(issue.path[0] ?? '');
      const option = options.find(({ variable }) => variable === name);
      return option === undefined
        ? `${name}=${shown(name, env[name])}: ${issue.message} (see .env.example)`
        : `${option.flag} ${shown(name, option.value)}: ${issue.message}`;
    }),
  );
}

/** The configuration of this process; `overrides` win over its environment. */
export function readProcessConfig(overrides: NodeJS.ProcessEnv = {}): Config {
  return readConfig({ ...process.env, ...overrides });
}

const SECRET = /KEY|SECRET|URL|MCP_SERVERS/;

function shown(name: string, value: string | undefined): string {
  if (value === undefined) return '(unset)';
  return SECRET.test(name) ? '(hidden)' : JSON.stringify(value);
}
