import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { MarketError, type FieldError } from '../contracts/errors.ts';
import { wordsFor } from '../util/validation-words.ts';

const MAX_ERRORS = 50;
const MAX_PATH_LENGTH = 200;

/**
 * Checks a part of a request by its zod schema, once. A wrong id in a path names nothing, so it is NOT_FOUND like any other
 * id that names nothing; only PUT, where the path names what is to be made, says what is wrong with it.
 */
export const validateRequestPart: FastifySchemaCompiler<z.ZodType> = ({ schema, method, url, httpPart }) => {
  const isAddress = httpPart === 'params' && method !== 'PUT';
  return (value: unknown) => {
    const parsed = schema.safeParse(value, { error: wordsFor });
    if (parsed.success && !hasNul(parsed.data, httpPart)) return { value: parsed.data };
    if (isAddress) return { error: new MarketError('NOT_FOUND', `There is no such ${nounOf(url)}.`) };
    if (httpPart === 'body' && (value ?? null) === null) return { error: invalidRequest([NO_BODY_FAULT]) };
    return { error: invalidRequest(parsed.success ? [NUL_FAULT] : fieldErrors(parsed.error.issues)) };
  };
};

/** Of a route `/v1/tasks/:id…`: task. The words are those of the services, so that ids of any form are answered alike. */
function nounOf(url: string): string {
  return /\/(\w+)s\/:id/.exec(url)?.[1] ?? 'id';
}

const NO_BODY_FAULT: FieldError = { path: '', message: 'must have a JSON object as its body' };
const NUL_FAULT: FieldError = { path: '', message: 'must not hold a NUL character' };

/** Bodies are checked where they are parsed. */
function hasNul(part: unknown, httpPart: string | undefined): boolean {
  if (httpPart === 'body' || typeof part !== 'object' || part === null) return false;
  return Object.values(part).some((value) => typeof value === 'string' && value.includes('\0'));
}

/** An INVALID_REQUEST that lists `errors`, with the first of them in its detail. */
function invalidRequest(errors: FieldError[]): MarketError {
  const [first] = errors;
  const told = first === undefined ? 'The request is not valid.' : sentence(first);
  const more = errors.length > 1 ? ` ${errors.length - 1} more under "errors".` : '';
  return new MarketError('INVALID_REQUEST', `${told}${more}`, { errors: errors.slice(0, MAX_ERRORS) });
}

function sentence({ path, message }: FieldError): string {
  return `${path === '' ? 'The request' : path} ${message}.`;
}

function fieldErrors(issues: readonly z.core.$ZodIssue[]): FieldError[] {
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: pathText([...issue.path, key]), message: 'is not a known field' }))
      : [{ path: pathText(issue.path), message: issue.message }],
  );
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map(String).join('.').slice(0, MAX_PATH_LENGTH);
}
