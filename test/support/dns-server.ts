/** A name server (RFC 1035) on the loopback that answers what the test decides at that moment. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';

/** A running name server. */
export interface DnsServer extends AsyncDisposable {
  /** Every address of a name, of both families, asked of this server each time anew. */
  readonly lookup: (hostname: string) => Promise<{ address: string; family: number }[]>;
  /** Each question, such as `A rebind.test`. */
  readonly questions: readonly string[];
}

const types: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };

/** Starts it. @param answer the addresses of this name and type; none means that it has no such record. */
export const startDnsServer = async (
  answer: (hostname: string, type: 'A' | 'AAAA') => readonly string[],
): Promise<DnsServer> => {
  const socket = createSocket('udp4');
  const questions: string[] = [];
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const type = types[query.readUInt16BE(end - 4)] ?? 'A';
    const hostname = nameIn(query);
    questions.push(`${type} ${hostname}`);
    const records = answer(hostname, type).map((address) => recordOf(bytesOf(address)));
    const header = Buffer.from(query.subarray(0, 12));
    // An answer, with recursion; one question, so many records, nothing else.
    header.writeUInt16BE(0x81_80, 2);
    header.writeUInt16BE(records.length, 6);
    header.fill(0, 8, 12);
    socket.send(Buffer.concat([header, query.subarray(12, end), ...records]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  const ask = async (resolving: Promise<string[]>, family: number) =>
    (await resolving.catch((): string[] => [])).map((address) => ({ address, family }));
  return {
    questions,
    lookup: async (hostname) =>
      (await Promise.all([ask(resolver.resolve4(hostname), 4), ask(resolver.resolve6(hostname), 6)])).flat(),
    [Symbol.asyncDispose]: async () => {
      resolver.cancel();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
};

const nameIn = (query: Buffer): string => {
  const labels: string[] = [];
  for (let at = 12; query[at] !== 0 && at < query.length; at += (query[at] ?? 0) + 1) {
    labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
  }
  return labels.join('.').toLowerCase();
};

const bytesOf = (address: string): Buffer => {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  const bytes = Buffer.alloc(16);
  all.forEach((group, place) => bytes.writeUInt16BE(group, place * 2));
  return bytes;
};

/** A record of the name in the question that may not be kept. */
const recordOf = (address: Buffer): Buffer => {
  const head = Buffer.from([0xc0, 12, 0, address.length === 4 ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, address.length]);
  return Buffer.concat([head, address]);
};
