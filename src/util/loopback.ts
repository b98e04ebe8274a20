const LOOPBACK_NAMES = new Set(['localhost', '[::1]', '::1']);
const LOOPBACK_V4 = /^127(\.\d{1,3}){3}$/;

/**
 * True if a `Host` header, with or without a port, or an address to listen on names this machine's loopback. Absent or
 * unreadable: false.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  if (host === undefined) return false;
  // only brackets tell the port of an IPv6 address from its end
  const name = host === '::1' ? host : host.replace(/:\d+$/, '').toLowerCase();
  return LOOPBACK_NAMES.has(name) || name.endsWith('.localhost') || LOOPBACK_V4.test(name);
}

/** True if an `Origin` header is absent (not a browser's cross-site request) or names a page served from loopback. */
export function isLoopbackOrigin(origin: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).host);
}
