/**
 * The HTTP call of a tool that is data. Whoever publishes tools is an admin, but what fills them in is a model that has read
 * strangers' words, so the call is held in:
 *
 *  - only to hosts of the list in TOOL_HTTP_HOSTS; the address's host and port are fixed, and arguments fill its path and
 *    query alone, encoded;
 *  - not to private, link-local, loopback or metadata addresses, unless TOOL_HTTP_PRIVATE allows it: what the name resolves
 *    to is checked at the moment of the connection, so a name that changes its mind gains nothing;
 *  - no redirect is followed, nothing of ours (keys, cookies, environment) is sent, and at most 1 MiB is read.
 */
import http from 'node:http';
import https from 'node:https';
import { useAgent } from 'request-filtering-agent';
import type { ToolCall } from '../../contracts/tool.ts';
import type { Json } from '../../util/json.ts';

const MAX_BYTES = 1024 * 1024;
const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export interface HttpPolicy {
  /** `host` or `host:port`. */
  hosts: readonly string[];
  allowPrivate: boolean;
}

type HttpCall = Extract<ToolCall, { kind: 'http' }>;

/** Why a call may not be made at all, or null. */
export function httpCallFault(call: HttpCall, policy: HttpPolicy): string | null {
  const url = parsed(call.url.replaceAll(PLACEHOLDER, 'x'));
  const origin = /^https?:\/\/[^/?#]*/i.exec(call.url)?.[0] ?? '';
  if (url === null || origin === '') return 'the url is no http or https address';
  if (origin.includes('{') || origin.includes('@'))
    return 'the url may have {names} in its path and query only, and no user';
  const allowed = policy.hosts.map((host) => host.toLowerCase());
  if (allowed.includes(url.host) || (url.port === '' && allowed.includes(`${url.hostname}:${portOf(url)}`)))
    return null;
  return `the host ${url.host} is not in TOOL_HTTP_HOSTS`;
}

/** @throws Error that says why there is no answer */
export async function callHttp(
  call: HttpCall,
  args: Record<string, unknown>,
  policy: HttpPolicy,
  signal: AbortSignal,
): Promise<Json> {
  const fault = httpCallFault(call, policy);
  if (fault !== null) throw new Error(fault);
  const { url, rest } = filledIn(call.url, args);
  const hasBody = call.method !== 'GET' && call.method !== 'DELETE';
  if (!hasBody) for (const [name, value] of Object.entries(rest)) url.searchParams.set(name, textOf(value));
  const { status, text, type } = await send(url, call.method, hasBody ? JSON.stringify(rest) : null, policy, signal);
  if (status < 200 || status > 299) throw new Error(`${url.host} answered ${status}: ${text.slice(0, 500)}`);
  return type.includes('json') ? (JSON.parse(text) as Json) : text;
}

/** Arguments that the address names go into it; the rest is left. */
function filledIn(template: string, args: Record<string, unknown>): { url: URL; rest: Record<string, unknown> } {
  const used = new Set<string>();
  const text = template.replaceAll(PLACEHOLDER, (_whole, name: string) => {
    used.add(name);
    // Dots would climb in the path.
    return encodeURIComponent(textOf(args[name])).replaceAll('.', '%2E');
  });
  return { url: new URL(text), rest: Object.fromEntries(Object.entries(args).filter(([name]) => !used.has(name))) };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function send(
  url: URL,
  method: string,
  body: string | null,
  policy: HttpPolicy,
  signal: AbortSignal,
): Promise<{ status: number; text: string; type: string }> {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        signal,
        agent: useAgent(url.href, {
          allowPrivateIPAddress: policy.allowPrivate,
          allowMetaIPAddress: policy.allowPrivate,
        }),
        headers: {
          accept: 'application/json, text/*;q=0.5',
          'user-agent': 'swarmbid-tool',
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          parts.push(part);
          if (bytes > MAX_BYTES) response.destroy(new Error(`the answer is longer than ${MAX_BYTES} bytes`));
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(parts).toString('utf8'),
            type: response.headers['content-type'] ?? '',
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}

function parsed(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url : null;
}

const portOf = (url: URL) => (url.protocol === 'https:' ? '443' : '80');
