/** Node's and OpenSSL's names for a peer that is not believed, or that speaks no TLS. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|EPROTO)/;

/** True if `error`, or what caused it, is a fault of TLS: the peer answers, and waiting for it does not help. */
export function isTlsFault(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  if ('code' in error && typeof error.code === 'string' && TLS_CODE.test(error.code)) return true;
  // node-postgres gives this one no code
  if (error.message === 'The server does not support SSL connections') return true;
  if (error instanceof AggregateError && error.errors.some((one) => isTlsFault(one, depth + 1))) return true;
  return isTlsFault(error.cause, depth + 1);
}
