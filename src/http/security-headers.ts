/** A year, as https://hstspreload.org asks for. */
const STRICT_TRANSPORT_SECONDS = 365 * 24 * 60 * 60;

/**
 * What every answer tells browsers, whatever else it says: the set that Helmet 8 has, stricter where an interface without
 * pages can be. Pages (`/docs`) and pictures (`/files`) lay their own policy over it.
 */
export const securityHeaders = (publicUrl: string | undefined): Readonly<Record<string, string>> => ({
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  // What old browsers did under this name had holes of its own.
  'x-xss-protection': '0',
  // NOTE: only a name that is known to be served with a certificate may promise that it stays so.
  ...(publicUrl?.startsWith('https:') === true && {
    'strict-transport-security': `max-age=${STRICT_TRANSPORT_SECONDS}`,
  }),
});
