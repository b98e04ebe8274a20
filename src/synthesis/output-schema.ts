import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { createLruCache } from './core/lru-cache.ts';

const SCHEMAS_KEPT = 200;
const FAULTS_SHOWN = 3;

/**
 * Admins write the schemas: vocabulary of their own is let pass (`strict: false`), remote references are not followed, and
 * two schemas may carry the same `$id` (`addUsedSchema: false`). Formats are annotations, as draft 2020-12 has them.
 */
const ajv = new Ajv2020({ strict: false, addUsedSchema: false, validateFormats: false, logger: false });

const compiled = createLruCache<string, ValidateFunction>(SCHEMAS_KEPT, (validate) =>
  ajv.removeSchema(validate.schema),
);

/** Compiles draft 2020-12's own schema, which every other is checked by, so that no first verdict waits for it. */
export function prepareSchemas(): void {
  ajv.validateSchema({});
}

/** Why a JSON Schema (draft 2020-12) cannot be used, or null if it compiles. */
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
 * @throws Error if the schema does not compile: `schemaFault` keeps such out of the catalogue
 */
export function schemaMismatch(schema: Record<string, unknown>, value: unknown): string | null {
  const validate = compile(schema);
  if (validate(value)) return null;
  return (validate.errors ?? []).slice(0, FAULTS_SHOWN).map(describe).join('; ') || 'does not satisfy the schema';
}

function compile(schema: Record<string, unknown>): ValidateFunction {
  return compiled.getOrMake(JSON.stringify(schema), () => {
    // its validator would answer a promise, which passes for true
    if ('$async' in schema) throw new Error('$async schemas are not supported');
    return ajv.compile(schema);
  });
}

function describe(error: ErrorObject): string {
  const detail = error.keyword === 'additionalProperties' ? ` (${String(error.params['additionalProperty'])})` : '';
  return `${error.instancePath === '' ? 'the value' : error.instancePath} ${error.message ?? error.keyword}${detail}`;
}
