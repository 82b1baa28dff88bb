/** A way to a server that breaks: it cuts connections, loses answers, or leads nowhere for a while. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string;
  /** Cuts every connection now. */
  cut(): void;
  /** Lets the next request through and cuts the connection when its answer begins. */
  loseNextAnswer(): void;
  /** Leads to another server from now on, or nowhere. */
  leadTo(url: string | undefined): void;
  /** How many connections there have been. */
  connections(): number;
}

/** Starts a proxy to the server at this address. */
export const startCuttingProxy = async (url: string): Promise<CuttingProxy> => {
  let target: string | undefined = url;
  let isLosing = false;
  let count = 0;
  const sockets = new Set<Socket>();

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };

  const server = createServer((client) => {
    count += 1;
    keep(client);
    if (target === undefined) {
      client.destroy();
      return;
    }
    const { hostname, port } = new URL(target);
    const upstream = connect(Number(port), hostname);
    keep(upstream);
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      if (isLosing) {
        isLosing = false;
        client.destroy();
        upstream.destroy();
      } else client.write(chunk);
    });
    upstream.on('close', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    loseNextAnswer: () => void (isLosing = true),
    leadTo: (next) => {
      target = next;
      cut();
    },
    connections: () => count,
    [Symbol.asyncDispose]: async () => {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
};
