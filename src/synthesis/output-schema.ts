/**
 * JSON Schema, draft 2020-12. Admins write the schemas, but agents write what they are held against: only the sandbox's
 * process calls these, because neither has a bound in time.
 */
import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { schemaRefusal } from './core/schema-refusal.ts';
import { LRUCache } from 'lru-cache';

const SCHEMAS_KEPT = 200;
const FAULTS_SHOWN = 3;

/** Vocabulary of their own is let pass (`strict: false`). Formats are annotations, as the draft has them. */
const OPTIONS: Options = { strict: false, validateFormats: false, logger: false };

const metaschema = new Ajv2020(OPTIONS);
// takes tens of milliseconds: not at the cost of the first delivery
void metaschema.validateSchema({});

/** By their JSON. */
const compiled = new LRUCache<string, ValidateFunction>({
  max: SCHEMAS_KEPT,
  memoMethod: (text) => compileNew(JSON.parse(text) as Record<string, unknown>),
});

/** Why a schema cannot be used, or null if it compiles. */
export function schemaFault(schema: Record<string, unknown>): string | null {
  try {
    compile(schema);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * What keeps `value` from satisfying `schema`, as `/path must …`; null if it does.
 * @throws Error if that cannot be decided: the schema does not compile (`schemaFault` keeps such out of the catalogue), or
 * the value is nested too deeply for it
 */
export function schemaMismatch(schema: Record<string, unknown>, value: unknown): string | null {
  const validate = compile(schema);
  if (validate(value)) return null;
  return (validate.errors ?? []).slice(0, FAULTS_SHOWN).map(describe).join('; ') || 'does not satisfy the schema';
}

function compile(schema: Record<string, unknown>): ValidateFunction {
  return compiled.memo(JSON.stringify(schema));
}

function compileNew(schema: Record<string, unknown>): ValidateFunction {
  const refusal = schemaRefusal(schema);
  if (refusal !== null) throw new Error(refusal);
  if (metaschema.validateSchema(schema) !== true)
    throw new Error(`schema is invalid: ${metaschema.errorsText(metaschema.errors, { dataVar: 'schema' })}`);
  // one of its own: what schemas call themselves must not meet
  return new Ajv2020({ ...OPTIONS, meta: false, validateSchema: false }).compile(schema);
}

function describe(error: ErrorObject): string {
  const detail = error.keyword === 'additionalProperties' ? ` (${String(error.params['additionalProperty'])})` : '';
  return `${error.instancePath === '' ? 'the value' : error.instancePath} ${error.message ?? error.keyword}${detail}`;
}
