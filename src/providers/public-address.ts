import ipaddr from 'ipaddr.js';

/**
 * Nets that are no public unicast: the IANA special-purpose registries (RFC 6890 and its updates), and the
 * forms of IPv6 that carry an IPv4 address inside, which could lead anywhere.
 */
const deniedNets = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // 2001::/23 holds Teredo, benchmarks, ORCHID and more protocol assignments; 2002::/16 is 6to4.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
].map((net) => ipaddr.parseCIDR(net));

/**
 * The only IPv6 space with public unicast (RFC 4291 §2.4, IANA): outside of it lie loopback, v4-mapped, NAT64
 * (64:ff9b::/96 and 64:ff9b:1::/48), unique local, link-local, site-local and multicast.
 */
const globalIpv6 = ipaddr.parseCIDR('2000::/3');

/** A net or a single address. */
export type Net = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Reads `10.0.0.0/8`; `undefined` when it is no net. */
export const parseNet = (text: string): Net | undefined =>
  ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : undefined;

/** Whether the address lies in the net; addresses of the other family never do. */
export const isInNet = (address: string, [base, bits]: Net): boolean => {
  const parsed = ipaddr.parse(address);
  return parsed.kind() === base.kind() && parsed.match(base, bits);
};

/** Whether the address, in its usual notation, is one that anybody on the internet could be asked at. */
export const isPublicAddress = (address: string): boolean => {
  // A zone (`fe80::1%eth0`) only makes sense on a local link.
  if (address.includes('%') || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.kind() === 'ipv6' && !parsed.match(...globalIpv6)) return false;
  return !deniedNets.some((net) => isInNet(address, net));
};

/**
 * Ports of other protocols: who can be made to send text there can be made to speak them. The Fetch standard's list,
 * https://fetch.spec.whatwg.org/#port-blocking.
 */
const blockedPorts = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
  526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
  3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080,
]);

/** Whether the port is one of a protocol that a browser would not let a page speak to either. */
export const isBlockedPort = (port: number): boolean => blockedPorts.has(port);
