import type { Json } from '../../../util/json.ts';

export type Variables = Record<string, Json>;

/** `shallow`: members replace members; `deep`: objects are merged member by member; `replace`: the new set takes the place of the old. */
export type MergeMode = 'shallow' | 'deep' | 'replace';

/**
 * Who else sees a change: `all` agents of the conversation, at once; the next one, `on-handoff`; or `none`, so that every
 * agent keeps what it began with.
 */
export type Propagation = 'all' | 'on-handoff' | 'none';

/** What an agent may see or change: all, or these names. */
export type Access = 'all' | readonly string[];

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

export function mergeVariables(present: Variables, change: Variables, mode: MergeMode): Variables {
  if (mode === 'replace') return safe(change);
  const merged = { ...present };
  for (const [name, value] of Object.entries(safe(change))) {
    const old = present[name];
    merged[name] = mode === 'deep' && isObject(old) && isObject(value) ? mergeVariables(old, value, 'deep') : value;
  }
  return merged;
}

export function visibleTo(variables: Variables, access: Access): Variables {
  if (access === 'all') return variables;
  return Object.fromEntries(Object.entries(variables).filter(([name]) => access.includes(name)));
}

/** Applied within an agent's access: a `replace` takes away only what the agent could have written. */
export function changeVariables(
  present: Variables,
  change: Variables,
  { write, merge }: { write: Access; merge: MergeMode },
): Variables {
  const allowed = visibleTo(change, write);
  if (merge !== 'replace') return mergeVariables(present, allowed, merge);
  const writable = visibleTo(present, write);
  const kept = Object.entries(present).filter(([name]) => !Object.hasOwn(writable, name));
  return { ...Object.fromEntries(kept), ...safe(allowed) };
}

function safe(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !FORBIDDEN.has(name)));
}

function isObject(value: Json | undefined): value is Variables {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
