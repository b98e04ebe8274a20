import { z } from 'zod';
import { MarketError } from '../contracts/errors.ts';
import type { BusKeys } from './bus-keys.ts';

/** A payload of more JSON than this is refused. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

/** Replies go to channels of this beginning and to no other, whatever a message says. */
export const REPLY_CHANNEL_PREFIX = 'reply.';

/**
 * What a message carries beside its payload. Fields that a version does not know are left out when it reads, so that a later one may add
 * to them without a new `v`.
 */
const envelopeSchema = z.object({
  v: z.literal(1),
  /** The sender's run of the program. */
  session: z.uuid(),
  /** Grows with each message of the session. */
  number: z.int().positive(),
  /** Who speaks: a pool by its name, or `market:` and roles. */
  from: z.string().max(128),
  /** Unix milliseconds by the sender's clock: only for telling old recordings from new messages. */
  at: z.number(),
  /** Of a request, and of each reply to it. */
  correlationId: z.string().optional(),
  /** Of a request: the channel that waits for replies. */
  replyTo: z.string().startsWith(REPLY_CHANNEL_PREFIX).optional(),
  payload: z.unknown(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/**
 * The text of a message: its signature, a space, the envelope as JSON. What is signed is the text as it is sent, and the
 * channel, so that a message cannot be carried to another one.
 * @throws MarketError `PAYLOAD_TOO_LARGE` over 4 MiB of payload, `INVALID_REQUEST` for a payload that is no JSON value
 */
export function encodeEnvelope(
  keys: BusKeys,
  channel: string,
  head: Omit<Envelope, 'payload'>,
  payload: unknown,
): string {
  const payloadText = payloadJson(payload);
  const bytes = Buffer.byteLength(payloadText);
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new MarketError(
      'PAYLOAD_TOO_LARGE',
      `a message of ${bytes} bytes, more than the ${MAX_PAYLOAD_BYTES} allowed`,
    );
  }
  // the payload is turned into text once: it may be megabytes
  const body = `${JSON.stringify(head).slice(0, -1)},"payload":${payloadText}}`;
  return `${keys.sign(head.from, signedText(channel, body))} ${body}`;
}

function payloadJson(payload: unknown): string {
  let cause: unknown;
  try {
    const text = JSON.stringify(payload) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw new MarketError('INVALID_REQUEST', 'the payload of a message must be a JSON value', { cause });
}

const signedText = (channel: string, body: string) => `${channel}\n${body}`;

/** The message in `text`, or why it is none: not an envelope, or not signed by whom it names. */
export function decodeEnvelope(keys: BusKeys, channel: string, text: string): Envelope | 'envelope' | 'signature' {
  const space = text.indexOf(' ');
  // a signature has no brace: without one the text is an unsigned envelope, or nothing of ours
  const signature = text.startsWith('{') || space < 0 ? '' : text.slice(0, space);
  const body = signature === '' ? text : text.slice(space + 1);
  const envelope = parseEnvelope(body);
  if (envelope === undefined) return 'envelope';
  return keys.verify(envelope.from, signedText(channel, body), signature) ? envelope : 'signature';
}

function parseEnvelope(body: string): Envelope | undefined {
  try {
    return envelopeSchema.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
