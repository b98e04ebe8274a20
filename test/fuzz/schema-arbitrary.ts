/** Values by the JSON Schemas of `/openapi.json`: mostly as a schema wants them, now and then near its bounds or of any kind. */
import fc from 'fast-check';

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
}

/** Strings that have broken other servers. */
export const HOSTILE_TEXTS = [
  '',
  '\0',
  '\ud800',
  '__proto__',
  'constructor',
  'toString',
  '<script>alert(1)</script>',
  "' or 1=1; drop table task; --",
  '../../etc/passwd',
  '%00',
  '${jndi:ldap://x}',
  '{{7*7}}',
  '\r\nset-cookie: a=b',
  'NaN',
  '-0',
  '1e999',
  '9'.repeat(400),
  '\u202e\u200b\ufeff',
  'x'.repeat(70_000),
];

const MAX_DEPTH = 5;

export const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom(...HOSTILE_TEXTS));
export const anyValue = fc.oneof(
  fc.jsonValue(),
  anyText,
  fc.double(),
  fc.constantFrom<unknown>(null, [], {}, -1, 0, 2 ** 53, 1e308, true, '2026-01-01T00:00:00Z'),
);

/** @param components the document's schemas by name, for references */
export function fromSchema(
  schema: JsonSchema,
  components: Record<string, JsonSchema>,
  depth = 0,
): fc.Arbitrary<unknown> {
  const wanted = wantedBy(schema, components, depth);
  return fc.oneof({ weight: 15, arbitrary: wanted }, { weight: 1, arbitrary: anyValue });
}

function wantedBy(schema: JsonSchema, components: Record<string, JsonSchema>, depth: number): fc.Arbitrary<unknown> {
  if (depth > MAX_DEPTH) return anyValue;
  if (schema.$ref !== undefined) {
    const named = components[schema.$ref.split('/').at(-1) ?? ''];
    return named === undefined ? anyValue : wantedBy(named, components, depth);
  }
  const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (choices !== undefined && choices.length > 0)
    return fc.oneof(...choices.map((choice) => fromSchema(choice, components, depth + 1)));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return objectOf(schema, components, depth);
    case 'array':
      return arrayOf(schema, components, depth);
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return fc.boolean();
    default:
      return anyValue;
  }
}

function objectOf(schema: JsonSchema, components: Record<string, JsonSchema>, depth: number): fc.Arbitrary<unknown> {
  const members = Object.entries(schema.properties ?? {});
  const arbitraries = Object.fromEntries(members.map(([name, one]) => [name, fromSchema(one, components, depth + 1)]));
  const required = schema.required ?? [];
  const optional = Object.keys(arbitraries).filter((name) => !required.includes(name));
  // Of many fields, few at a time: with all of them, one is nearly always wrong, and nothing would get through.
  const sparse = fc
    .subarray(optional, { maxLength: Math.min(2, optional.length) })
    .chain((names) => fc.record(pick(arbitraries, [...required, ...names])));
  const known = fc.oneof(fc.record(arbitraries, { requiredKeys: required }), sparse);
  const stray = fc.dictionary(anyText, anyValue, { maxKeys: 3 });
  if (members.length === 0) return stray;
  return fc.oneof(
    { weight: 12, arbitrary: known },
    { weight: 1, arbitrary: fc.tuple(known, stray).map(([one, other]) => ({ ...one, ...other })) },
  );
}

function pick<Value>(from: Record<string, Value>, names: readonly string[]): Record<string, Value> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}

function arrayOf(schema: JsonSchema, components: Record<string, JsonSchema>, depth: number): fc.Arbitrary<unknown> {
  const items = fromSchema(schema.items ?? {}, components, depth + 1);
  return fc.array(items, { minLength: schema.minItems ?? 0, maxLength: Math.min(4, schema.maxItems ?? 4) });
}

function textOf({ pattern, format, minLength = 0, maxLength = 40 }: JsonSchema): fc.Arbitrary<unknown> {
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((at) => at.toISOString());
  if (format === 'uuid') return fc.uuid();
  const matching = pattern === undefined ? undefined : matchingOrNone(pattern);
  return matching ?? fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 40)) });
}

/** fast-check reads most patterns, but no look-around. */
function matchingOrNone(pattern: string): fc.Arbitrary<string> | undefined {
  try {
    return fc.stringMatching(new RegExp(pattern));
  } catch {
    return undefined;
  }
}

function numberOf({ minimum, maximum, type }: JsonSchema): fc.Arbitrary<unknown> {
  const [min, max] = [Math.ceil(minimum ?? -1_000), Math.floor(maximum ?? 1_000_000)];
  const within =
    type === 'integer' ? fc.integer({ min, max: Math.min(max, 2 ** 31 - 1) }) : fc.double({ min, max, noNaN: true });
  return fc.oneof(
    { weight: 6, arbitrary: within },
    { weight: 1, arbitrary: fc.constantFrom(min - 1, min, max, max + 1, 0.5) },
  );
}
