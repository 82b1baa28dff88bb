/** An upstream in Ark's words that refuses everything, so that what a task costs beside its pictures can be measured. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An upstream that answers nothing until it is opened. */
export interface RefusingUpstream {
  /** What a Limner needs in its environment to use it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Answers that were sent. */
  readonly answered: number;
  /** Answers all that wait, and from now on at once. */
  open(): void;
  close(): Promise<void>;
}

const refusal = JSON.stringify({
  error: { code: 'InvalidParameter', message: 'The parameter is not valid.', param: '', type: 'BadRequest' },
});

/** Starts it on a free port. */
export const startRefusingUpstream = async (): Promise<RefusingUpstream> => {
  const waiting = new Set<ServerResponse>();
  let isOpen = false;
  let answered = 0;
  const answer = (response: ServerResponse): void => {
    answered += 1;
    response.writeHead(400, { 'content-type': 'application/json' }).end(refusal);
  };
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (isOpen) answer(response);
      else waiting.add(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    environment: { ARK_BASE_URL: `http://127.0.0.1:${port}/api/v3`, ARK_API_KEY: 'bench-upstream-key' },
    get answered() {
      return answered;
    },
    open: () => {
      isOpen = true;
      for (const response of waiting) answer(response);
      waiting.clear();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
