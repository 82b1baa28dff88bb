import type { Config } from '../../config/config.ts';
import type { Finding } from '../../core/finding.ts';
import { isInNet, parseNet } from '../../providers/public-address.ts';

const check = 'fetch guard';

/** Where clouds hand out the credentials of a machine. */
const metadataHosts = ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200'];

const ownAddresses = ['127.0.0.1', '::1'];

const reaches = (allowance: string, addresses: readonly string[]): boolean => {
  const net = parseNet(allowance);
  if (net !== undefined) return addresses.some((address) => isInNet(address, net));
  return addresses.some((address) => allowance === address || allowance.startsWith(`${address}:`));
};

const ofAllowance = (allowance: string): Finding | undefined => {
  if (reaches(allowance, metadataHosts)) {
    return {
      check,
      state: 'fault',
      message: `fetch_allow lets callers reach the metadata service of the cloud (${allowance}), and with it this machine's credentials.`,
      remedy: 'Name single hosts with their ports, such as 10.0.0.7:9000.',
    };
  }
  if (reaches(allowance, ownAddresses) || /^localhost(:|$)/.test(allowance)) {
    return {
      check,
      state: 'warning',
      message: `fetch_allow lets callers reach services of this machine itself (${allowance}).`,
      remedy: 'Leave it out where callers are not trusted.',
    };
  }
  return undefined;
};

/** Whether what callers may make Limner fetch, and call as a webhook, is what is meant. */
export const checkFetchGuard = ({ fetchAllow }: Pick<Config, 'fetchAllow'>): readonly Finding[] => {
  const found = fetchAllow.flatMap((allowance) => ofAllowance(allowance) ?? []);
  if (found.length > 0) return found;
  const message =
    fetchAllow.length === 0
      ? 'References and webhooks reach public addresses only.'
      : `Beside public addresses, references and webhooks reach ${fetchAllow.join(', ')}.`;
  return [{ check, state: 'ok', message }];
};
