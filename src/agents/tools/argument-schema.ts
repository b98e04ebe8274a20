import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';

/**
 * JSON Schema (draft 2020-12) of tools' arguments and of answers. Schemas come from an agent's author, an MCP server that
 * the author chose, or an admin; formats are annotations, and vocabulary of their own is let pass.
 */
const compiled = new LRUCache<string, ValidateFunction>({ max: 500 });
const FAULTS_SHOWN = 5;

/** Why a schema cannot be used, or null. */
export function schemaFault(schema: Record<string, unknown>): string | null {
  try {
    compile(schema);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What keeps `value` from satisfying the schema, as `/path must …`; null if it does. @throws Error if it does not compile */
export function argumentFaults(schema: Record<string, unknown>, value: unknown): string | null {
  const validate = compile(schema);
  if (validate(value)) return null;
  const faults = (validate.errors ?? []).slice(0, FAULTS_SHOWN).map(describe);
  return faults.join('; ') || 'does not satisfy the schema';
}

function compile(schema: Record<string, unknown>): ValidateFunction {
  const key = JSON.stringify(schema);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const validate = new Ajv2020({ strict: false, validateFormats: false, logger: false }).compile(schema);
  compiled.set(key, validate);
  return validate;
}

function describe({ instancePath, message, keyword, params }: ErrorObject): string {
  const detail = keyword === 'additionalProperties' ? ` (${String(params['additionalProperty'])})` : '';
  return `${instancePath === '' ? 'the value' : instancePath} ${message ?? keyword}${detail}`;
}
