import { accessSync, constants, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';

/** A certificate chain and its key, both PEM. */
export interface ServerCertificate {
  cert: string;
  key: string;
}

/** The text of the file that a variable names. */
export const fileTextSchema = z.string().transform((file, context) => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    context.addIssue(`cannot be read: ${messageOf(error)}`);
    return z.NEVER;
  }
});

/** The name of a file with certificates of CAs. */
export const caFileSchema = z.string().superRefine((file, context) => {
  try {
    createSecureContext({ ca: readFileSync(file, 'utf8') });
  } catch (error) {
    context.addIssue(`is no file with a PEM certificate: ${messageOf(error)}`);
  }
});

/** With the files that it names for TLS, looked at now: told with all other faults and not at the first connection. */
export const postgresUrlSchema = z
  .string()
  .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
  .superRefine((url, context) => {
    if (!URL.canParse(url)) return;
    const { searchParams } = new URL(url);
    for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
      const file = searchParams.get(name);
      const fault = file === null ? undefined : readFault(file);
      if (fault !== undefined) context.addIssue(`names a file in ${name} that cannot be read: ${fault}`);
    }
  });

/** What is wrong with the pair; undefined: nothing. */
export function certificateFault(certificate: ServerCertificate): string | undefined {
  try {
    createSecureContext(certificate);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Each node's URL names its CA, in the parameter that a PostgreSQL URL has for it. */
export function trustingCa(redisUrls: string, caFile: string): string {
  const named = redisUrls.split(',').map((text) => {
    const url = new URL(text.trim());
    url.searchParams.set('sslrootcert', caFile);
    return url.href;
  });
  return named.join(',');
}

function readFault(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
