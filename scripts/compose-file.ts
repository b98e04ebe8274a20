import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const serviceSchema = z.object({
  image: z.string().optional(),
  build: z.string().optional(),
  init: z.boolean().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.union([z.object({ test: z.array(z.string()) }), z.object({ disable: z.literal(true) })]).optional(),
  stop_grace_period: z.string().optional(),
});

const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.unknown()),
});

export type ComposeFile = z.output<typeof composeSchema>;

/** The services of docker-compose.yml, merge keys resolved, variables as they are written. */
export function readComposeFile(): ComposeFile {
  const text = readFileSync(new URL('../docker-compose.yml', import.meta.url), 'utf8');
  return composeSchema.parse(parse(text, { merge: true }));
}

const VARIABLE = /\$\{([A-Z][A-Z0-9_]*)(?::([-?])([^}]*))?\}/g;

/**
 * Fills `${NAME}`, `${NAME:-default}` and `${NAME:?message}` from `env` as Compose does: an empty variable is an unset one.
 * @throws Error with the message of a required variable that is unset
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): string {
  return text.replace(VARIABLE, (_, name: string, kind: string | undefined, rest: string | undefined) => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (kind === '?') throw new Error(`${name} is not set: ${rest ?? ''}`);
    return kind === '-' ? (rest ?? '') : '';
  });
}

/** What Compose would give the processes of `service` as their environment. */
export function serviceEnvironment(
  file: ComposeFile,
  service: string,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const declared = file.services[service]?.environment;
  if (declared === undefined) throw new Error(`docker-compose.yml has no service ${service}`);
  return Object.fromEntries(Object.entries(declared).map(([name, value]) => [name, interpolate(value, env)]));
}
