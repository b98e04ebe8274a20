import { z } from 'zod';
import { MarketError } from '../contracts/errors.ts';

/** A payload of more JSON than this is refused. */
const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

/** Replies go to channels of this beginning and to no other, whatever a message says. */
export const REPLY_CHANNEL_PREFIX = 'reply.';

/**
 * What a message carries beside its payload. Fields that a version does not know are left out when it reads, so that a later one may add
 * to them (a signature over `id`, `from` and `payload`) without a new `v`.
 */
export const envelopeSchema = z.object({
  v: z.literal(1),
  id: z.string(),
  /** The sending process: its pool, or `orchestrator`, `api`. */
  from: z.string(),
  /** Unix milliseconds by the sender's clock: for people who read a trace, never to decide by. */
  at: z.number().optional(),
  /** Of a request, and of each reply to it. */
  correlationId: z.string().optional(),
  /** Of a request: the channel that waits for replies. */
  replyTo: z.string().startsWith(REPLY_CHANNEL_PREFIX).optional(),
  payload: z.unknown(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/**
 * The text of a message.
 * @throws MarketError `PAYLOAD_TOO_LARGE` over 4 MiB of payload, `INVALID_REQUEST` for a payload that is no JSON value
 */
export function encodeEnvelope(head: Omit<Envelope, 'payload'>, payload: unknown): string {
  const payloadText = payloadJson(payload);
  const bytes = Buffer.byteLength(payloadText);
  if (bytes > MAX_PAYLOAD_BYTES) {
    throw new MarketError(
      'PAYLOAD_TOO_LARGE',
      `a message of ${bytes} bytes, more than the ${MAX_PAYLOAD_BYTES} allowed`,
    );
  }
  // the payload is turned into text once: it may be megabytes
  return `${JSON.stringify(head).slice(0, -1)},"payload":${payloadText}}`;
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

/** The message in `text`, or undefined if it is not JSON or not an envelope. */
export function decodeEnvelope(text: string): Envelope | undefined {
  try {
    return envelopeSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
