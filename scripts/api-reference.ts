/** `npm run docs:api`: docs/api-reference.md from the OpenAPI document. Without --write it only says whether the page is stale. */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { createApiServer } from '../src/api/index.ts';
import { accessTo } from '../src/contracts/permissions.ts';
import { createMetrics } from '../src/observability/metrics.ts';

export const PAGE = new URL('../docs/api-reference.md', import.meta.url);

const HEAD = `# API reference

Made by \`npm run docs:api\` from the OpenAPI document, which a server serves at \`/openapi.json\` and shows at \`/docs\`. [api.md](api.md) tells what these have in common, the refusals that any of them may give among it: 400, 401, 403, 413, 415, 429, 500 and 503, each a [Problem](#problem).
`;

/** Refusals that every route under /v1 may give, told once. */
const COMMON = new Set(['400', '401', '403', '413', '415', '429', '500', '503']);

type Schema = z.infer<typeof schemaSchema>;
const schemaSchema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  description: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  default: z.unknown().optional(),
  required: z.array(z.string()).optional(),
  get properties() {
    return z.record(z.string(), schemaSchema).optional();
  },
  get items() {
    return schemaSchema.optional();
  },
  get anyOf() {
    return z.array(schemaSchema).optional();
  },
  get oneOf() {
    return z.array(schemaSchema).optional();
  },
});

const contentSchema = z.record(z.string(), z.looseObject({ schema: schemaSchema.optional() })).optional();
const operationSchema = z.looseObject({
  tags: z.array(z.string()).default([]),
  summary: z.string().default(''),
  description: z.string().default(''),
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().default(''),
        schema: schemaSchema.default({}),
      }),
    )
    .default([]),
  requestBody: z.looseObject({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.looseObject({ description: z.string().default(''), content: contentSchema })),
});
type Operation = z.infer<typeof operationSchema>;

const documentSchema = z.looseObject({
  tags: z.array(z.object({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), schemaSchema).default({}) }),
});

/** The page as it should be now. */
export async function apiReference(): Promise<string> {
  const document = documentSchema.parse(await openApiDocument());
  const text = [HEAD, ...document.tags.map((tag) => group(tag, document.paths)), '## Schemas\n']
    .concat(Object.entries(document.components.schemas).map(([name, schema]) => component(name, schema)))
    .join('\n');
  return format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

/** No route is called, so nothing need stand behind them. */
async function openApiDocument(): Promise<unknown> {
  const server = await createApiServer({
    services: {} as never,
    logger: pino({ level: 'silent' }),
    metrics: createMetrics(),
    version: '',
  });
  const document: unknown = JSON.parse(JSON.stringify(server.swagger()));
  await server.close();
  return document;
}

function group(tag: { name: string; description: string }, paths: z.infer<typeof documentSchema>['paths']): string {
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, operation]) => operation.tags.includes(tag.name))
      .map(([method, operation]) => route(method.toUpperCase(), path, operation)),
  );
  return [`## ${tag.name}\n\n${tag.description}.\n`, ...routes].join('\n');
}

function route(method: string, path: string, operation: Operation): string {
  const access = accessTo(method, path.replaceAll(/\{(\w+)\}/g, ':$1')) ?? 'anyone';
  const body = bodyOf(operation.requestBody?.content);
  const parameters = operation.parameters.map(({ name, in: place, required, schema, description }) => [
    `\`${name}\``,
    place,
    `${typeName(schema)}${required ? ', required' : ''}`,
    description === '' ? (schema.description ?? '') : description,
  ]);
  const responses = Object.entries(operation.responses)
    .filter(([status]) => !path.startsWith('/v1/') || !COMMON.has(status))
    .map(([status, { description, content }]) => [status, bodyOf(content), description]);
  return [
    `### ${method} ${path}\n`,
    `${operation.summary}. Role: ${access}.${operation.description === '' ? '' : ` ${operation.description}`}\n`,
    parameters.length === 0 ? '' : table(['parameter', 'in', 'type', ''], parameters),
    body === '' ? '' : `Body: ${body}\n`,
    table(['status', 'body', ''], responses),
  ].join('\n');
}

function bodyOf(content: z.infer<typeof contentSchema>): string {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (media?.schema === undefined) return '';
  return `${typeName(media.schema)}${type === 'application/json' ? '' : ` (${type})`}`;
}

function component(name: string, schema: Schema): string {
  const properties = Object.entries(schema.properties ?? {});
  const fields = properties.map(([field, of]) => [
    `\`${field}\``,
    `${typeName(of)}${schema.required?.includes(field) === true ? '' : ', optional'}`,
    [of.description ?? '', of.default === undefined ? '' : `default \`${JSON.stringify(of.default)}\``]
      .filter((part) => part !== '')
      .join('; '),
  ]);
  const shown = fields.length === 0 ? `${typeName(schema)}\n` : table(['field', 'type', ''], fields);
  return `### ${name}\n\n${schema.description === undefined ? '' : `${schema.description}\n\n`}${shown}`;
}

function typeName(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeName))].join(' or ');
  if (schema.type === 'array') return `list of ${typeName(schema.items ?? {})}`;
  if (schema.properties !== undefined) return `{ ${Object.keys(schema.properties).join(', ')} }`;
  return [schema.type ?? 'any'].flat().join(' or ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const page = await apiReference();
  if (process.argv.includes('--write')) await writeFile(PAGE, page);
  else if ((await readFile(PAGE, 'utf8')) !== page) {
    console.error('docs/api-reference.md is stale. Run `npm run docs:api`.');
    process.exitCode = 1;
  }
}
