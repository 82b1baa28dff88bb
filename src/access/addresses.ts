import { BlockList, isIP } from 'node:net';

/** Whether the text is an address, or a range in CIDR notation such as `10.0.0.0/8`. */
export const isAddressRange = (text: string): boolean => {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
};

/** Whether the address lies in one of these ranges; one of version 4 is the same however it is written. */
export const isInRanges = (address: string, ranges: readonly string[]): boolean => {
  const version = isIP(address);
  if (version === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const [start = '', prefix] = range.split('/');
    const family = isIP(start) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(start, family);
    else list.addSubnet(start, Number(prefix), family);
  }
  return list.check(address, version === 6 ? 'ipv6' : 'ipv4');
};
