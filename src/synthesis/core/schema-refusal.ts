/** Keywords whose members are named by the author: there, a name that looks like a keyword is none. */
const NAMED_MEMBERS = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords that hold plain values. */
const LITERALS = new Set(['const', 'enum', 'default', 'examples']);
const REFERENCES = new Set(['$ref', '$dynamicRef', '$recursiveRef']);
const METASCHEMA = /^https?:\/\/json-schema\.org\//i;
const DEPTH_LIMIT = 64;

/**
 * Why a JSON Schema is refused before it is compiled, at whatever depth the reason lies; null if nothing speaks against
 * it. Refused are `$async` (its validator answers a promise, which passes for true), references to elsewhere (only `#…`
 * is followed), an `$id` of the metaschema's, and nesting beyond 64 levels.
 */
export function schemaRefusal(schema: Record<string, unknown>): string | null {
  return refusalIn(schema, '', 0);
}

function refusalIn(schema: unknown, place: string, depth: number): string | null {
  if (typeof schema !== 'object' || schema === null) return null;
  if (depth > DEPTH_LIMIT)
    return `a schema may be nested ${DEPTH_LIMIT} levels deep; ${place.slice(0, 100)}… is deeper`;
  for (const [keyword, member] of Object.entries(schema)) {
    const here = `${place}/${keyword}`;
    const refusal = keywordRefusal(keyword, member, here) ?? membersRefusal(keyword, member, here, depth + 1);
    if (refusal !== null) return refusal;
  }
  return null;
}

function membersRefusal(keyword: string, member: unknown, place: string, depth: number): string | null {
  if (LITERALS.has(keyword)) return null;
  if (!NAMED_MEMBERS.has(keyword) || typeof member !== 'object' || member === null)
    return refusalIn(member, place, depth);
  for (const [name, schema] of Object.entries(member)) {
    const refusal = refusalIn(schema, `${place}/${name}`, depth + 1);
    if (refusal !== null) return refusal;
  }
  return null;
}

function keywordRefusal(keyword: string, member: unknown, place: string): string | null {
  if (keyword === '$async') return `${place}: $async schemas are not supported`;
  if (typeof member !== 'string') return null;
  if (REFERENCES.has(keyword) && !member.startsWith('#'))
    return `${place}: only references within the schema, as #/$defs/name, are followed; it is "${member.slice(0, 100)}"`;
  if (keyword === '$id' && METASCHEMA.test(member)) return `${place}: "${member.slice(0, 100)}" is the metaschema's`;
  return null;
}
