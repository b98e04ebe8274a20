import { ConfigError } from '../config.ts';
import { SwarmbidError } from '../sdk/index.ts';
import { isTlsFault } from '../util/tls-fault.ts';
import { UsageError } from './exit-codes.ts';

export const TLS_ADVICE =
  'Name the host that the certificate names, and trust the CA that signed it: set NODE_EXTRA_CA_CERTS=/path/ca.pem.';

/** What a person reads on stderr: what went wrong, where, and what to do. */
export function explainError(error: unknown): string[] {
  if (error instanceof SwarmbidError) return explainSwarmbidError(error);
  if (!(error instanceof Error)) return [String(error)];
  return [error.message, ...causesOf(error).map((cause) => `  because: ${cause}`)];
}

/** The same for a program, as the value of `error` in the JSON document. */
export function describeError(error: unknown): Record<string, unknown> {
  if (error instanceof SwarmbidError) {
    return { code: error.code, status: error.status, detail: error.detail, errors: error.errors };
  }
  const code = error instanceof UsageError || error instanceof ConfigError ? 'WRONG_USAGE' : 'FAILED';
  return { code, status: null, detail: error instanceof Error ? error.message : String(error), errors: [] };
}

function explainSwarmbidError(error: SwarmbidError): string[] {
  const fields = error.errors.map(({ path, message }) => `  ${path === '' ? '(the whole)' : path}: ${message}`);
  // The detail of an invalid request is its first fault in other words.
  const invalid = error.code === 'INVALID_REQUEST' && fields.length > 0;
  const count = `${fields.length} ${fields.length === 1 ? 'fault' : 'faults'} in the request`;
  return [
    `${invalid ? count : error.detail} (${error.code})`,
    ...fields,
    ...(isTlsFault(error) ? [TLS_ADVICE] : adviceFor(error.code)),
  ];
}

function adviceFor(code: string): string[] {
  if (code === 'UNREACHABLE') return ['Start a server with `npm start`, or name another with --url or SWARMBID_URL.'];
  if (code === 'UNAUTHENTICATED')
    return [
      'Give a key with --token or SWARMBID_TOKEN; an admin makes one with `swarmbid keys create`.',
      'Without any admin key: start the server with SWARMBID_ADMIN_KEY set, and use that.',
    ];
  if (code === 'FORBIDDEN') return ['This needs a key with another role.'];
  return [];
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  for (let { cause } = error; cause instanceof Error && causes.length < 5; { cause } = cause)
    causes.push(cause.message);
  return causes;
}
