import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';
import { MarketError } from '../contracts/errors.ts';

/**
 * The keys by which messages and jobs are signed (HMAC-SHA256), all derived from the market's secret (HKDF-SHA256).
 *
 * 1. The *members'* key is known to every process of the market, pools included. Every message and job carries a signature
 *    by it: who can write to the transport, but is no member, can say nothing.
 * 2. A *sender's* key belongs to one sender: a pool, or `market:…` for processes of the market. A message carries a second
 *    signature by it. Whoever holds the market's secret can check that one, so no pool can speak for another, nor as the market, to
 *    the market. A pool cannot check it of others, as it would then hold a key to forge it with: to a pool, a member is a member.
 * 3. A pool's process is given the market's secret, or, so that it can be no other pool, its credential:
 *    `pool.<name>.<members' key>.<its own key>`.
 */
export interface BusKeys {
  /** The pool whose credential these are; null for the market's secret. */
  readonly pool: string | null;
  /** @throws MarketError FORBIDDEN for a sender whose key is not among these */
  sign(from: string, text: string): string;
  /** True if `signature` is that of `from` over `text`, as far as these keys can tell (2). */
  verify(from: string, text: string, signature: string): boolean;
  /** The members' signature alone, of a job. */
  signJob(text: string): string;
  verifyJob(text: string, signature: string): boolean;
}

/** Not a Buffer: with that, a signature of 300 bytes took 13.6 µs instead of 3.1. */
type Key = KeyObject;

const KEY_BYTES = 32;
const CREDENTIAL = /^pool\.([a-z0-9][a-z0-9_-]{0,63})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;
/** Names come with messages that are not verified yet: only so many are kept. */
const MAX_REMEMBERED = 1_000;

/** Keys of `secret`: the market's own, or a pool's credential. */
export function busKeys(secret: string): BusKeys {
  const credential = CREDENTIAL.exec(secret);
  return credential === null ? marketKeys(secret) : poolKeys(credential);
}

/** What a pool's processes are given in place of the market's secret. */
export function poolCredential(secret: string, pool: string): string {
  return ['pool', pool, text(membersKey(secret).export()), text(senderKey(secret, pool).export())].join('.');
}

function marketKeys(secret: string): BusKeys {
  const members = membersKey(secret);
  const known = new Map<string, Key>();
  const keyOf = (from: string): Key => {
    const key = known.get(from) ?? senderKey(secret, from);
    if (known.size < MAX_REMEMBERED) known.set(from, key);
    return key;
  };
  return {
    pool: null,
    ...jobSignatures(members),
    sign: (from, signed) => signature(members, keyOf(from), signed),
    verify: (from, signed, given) => same(given, signature(members, keyOf(from), signed)),
  };
}

function poolKeys([, pool = '', membersText = '', ownText = '']: RegExpExecArray): BusKeys {
  const members = createSecretKey(membersText, 'base64url');
  const own = createSecretKey(ownText, 'base64url');
  return {
    pool,
    ...jobSignatures(members),
    sign: (from, signed) => {
      if (from !== pool)
        throw new MarketError('FORBIDDEN', `POOL_SECRET is pool "${pool}"'s and cannot speak for "${from}"`);
      return signature(members, own, signed);
    },
    verify: (_from, signed, given) => same(given.split('.', 1)[0] ?? '', text(mac(members, signed))),
  };
}

function jobSignatures(members: Key): Pick<BusKeys, 'signJob' | 'verifyJob'> {
  const signJob = (signed: string) => text(mac(members, `job\n${signed}`));
  return { signJob, verifyJob: (signed, given) => same(given, signJob(signed)) };
}

/** The sender signs the members' signature, so that a long text is read once. */
function signature(members: Key, own: Key, signed: string): string {
  const byMember = mac(members, signed);
  return `${text(byMember)}.${text(mac(own, byMember))}`;
}

function mac(key: Key, signed: string | Buffer): Buffer {
  return createHmac('sha256', key).update(signed).digest();
}

function same(given: string, expected: string): boolean {
  return given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
}

const text = (bytes: Buffer) => bytes.toString('base64url');
const membersKey = (secret: string) => derived(secret, 'members');
const senderKey = (secret: string, from: string) => derived(secret, `sender ${from}`);

function derived(secret: string, purpose: string): Key {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'swarmbid bus', purpose, KEY_BYTES)));
}
