import { SwarmbidClient } from '../sdk/index.ts';
import { UsageError } from './exit-codes.ts';
import { colorsFor, type Colors, type OutputStream } from './colors.ts';

/** The outside world of a command, so that tests can be one. */
export interface CliStreams {
  stdin: AsyncIterable<Buffer | string>;
  stdout: OutputStream;
  stderr: OutputStream;
  env: NodeJS.ProcessEnv;
}

/** Options that every command takes. */
export interface GlobalOptions {
  url?: string;
  token?: string;
  json?: boolean;
}

/** What one run of a command works with. */
export interface Session {
  readonly client: SwarmbidClient;
  /** True: requests carry a key. */
  hasToken: boolean;
  /** True: stdout carries JSON and nothing else. */
  json: boolean;
  streams: CliStreams;
  /** For stdout. */
  colors: Colors;
  /** Lines for a person, on stdout; dropped with `--json`. */
  print(...lines: string[]): void;
  /** The command's one JSON document; dropped without `--json`. */
  printDocument(value: unknown): void;
  /** One line of JSON Lines; dropped without `--json`. */
  printRecord(value: unknown): void;
  /** Lines on stderr, in both modes. */
  note(...lines: string[]): void;
}

export function openSession(streams: CliStreams, options: GlobalOptions): Session {
  const json = options.json === true;
  const token = options.token ?? given(streams.env.SWARMBID_TOKEN);
  const write = (stream: OutputStream, text: string) => void stream.write(`${text}\n`);
  let client: SwarmbidClient | undefined;
  return {
    // Made when it is first used: a command that calls no server does not mind how the environment names one.
    get client() {
      return (client ??= new SwarmbidClient({ url: httpUrl(options.url ?? defaultUrl(streams.env)), token }));
    },
    hasToken: token !== undefined,
    json,
    streams,
    colors: colorsFor(streams.stdout, streams.env),
    print: (...lines) => {
      if (!json) for (const line of lines) write(streams.stdout, line);
    },
    printDocument: (value) => {
      if (json) write(streams.stdout, JSON.stringify(value, null, 2));
    },
    printRecord: (value) => {
      if (json) write(streams.stdout, JSON.stringify(value));
    },
    note: (...lines) => {
      for (const line of lines) write(streams.stderr, line);
    },
  };
}

/** How whoever typed this command types the next one: through npm in the sources, by its name where it is installed. */
export function commandName(env: NodeJS.ProcessEnv): string {
  return env.npm_lifecycle_event === undefined ? 'swarmbid' : 'npm run swarmbid --';
}

function httpUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new UsageError(`"${text}" is not the address of a server; write it as http://host:port`);
}

const ANY_ADDRESS: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** SWARMBID_URL, or the address where `swarmbid up` listens in the same environment. */
function defaultUrl(env: NodeJS.ProcessEnv): string {
  const url = given(env.SWARMBID_URL);
  if (url !== undefined) return url;
  const named = given(env.HOST) ?? '127.0.0.1';
  const host = ANY_ADDRESS[named] ?? named;
  const scheme = given(env.TLS_CERT_FILE) === undefined ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${given(env.PORT) ?? '3000'}`;
}

function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
