import type { FastifyInstance } from 'fastify';
import { MarketError } from '../contracts/errors.ts';
import { hasUnstorableText } from '../util/json.ts';

/** One more than any honest body needs; JSON.stringify runs out of stack at some thousands. */
const MAX_DEPTH = 200;

/**
 * Bodies are JSON and nothing else: a form or text that a page of another site can send without asking gets 415. An empty
 * body counts as none. What PostgreSQL cannot store, or what could poison an object's prototype, is refused here.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    const packed = (request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity';
    done(
      packed ? new MarketError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, without Content-Encoding.') : null,
    );
  });
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseBody(body.toString()));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

function parseBody(text: string): unknown {
  if (text === '') return undefined;
  const body = parseJson(text);
  const fault = faultIn(body, 0) ?? unstorableIn(text, body);
  if (fault !== null) throw new MarketError('INVALID_REQUEST', `The body ${fault}.`);
  return body;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MarketError('INVALID_REQUEST', `The body is not valid JSON: ${why}`, { cause });
  }
}

function faultIn(value: unknown, depth: number): string | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'holds a number beyond 1.8e308';
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
  return Array.isArray(value) ? faultInItems(value, depth) : faultInMembers(value, depth);
}

function faultInItems(items: readonly unknown[], depth: number): string | null {
  for (const item of items) {
    const fault = faultIn(item, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

function faultInMembers(members: object, depth: number): string | null {
  for (const [name, member] of Object.entries(members)) {
    if (name === '__proto__' || (name === 'constructor' && hasPrototype(member))) {
      return `has a member named "${name}", which is not allowed`;
    }
    const fault = faultIn(member, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

function hasPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype');
}

/** UTF-8 has no lone surrogates and JSON no bare NUL, so only a text with an escape can hold either. */
function unstorableIn(text: string, body: unknown): string | null {
  if (!text.includes('\\u')) return null;
  return hasUnstorableText(JSON.stringify(body))
    ? 'holds a NUL character or a lone surrogate, which cannot be stored'
    : null;
}
