/** Receives webhooks and verifies them: `LIMNER_WEBHOOK_SECRET=whsec_… node examples/receive-webhooks.ts`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { verifyWebhook, WebhookInvalid } from '@limner/client';

const secret = process.env.LIMNER_WEBHOOK_SECRET ?? '';

const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  try {
    const { type, data } = await verifyWebhook(
      { body: await text(request), headers: request.headers },
      secret,
    );
    // It may come twice: what is done here should be the same the second time.
    console.log(`${type} ${data.task_id} ${data.images?.length ?? 0}`);
    response.writeHead(204).end();
  } catch (error) {
    if (!(error instanceof WebhookInvalid)) throw error;
    console.log(error.message);
    response.writeHead(400).end(error.message);
  }
};

const server = createServer((request, response) => void receive(request, response));
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listening on ${address?.port}`);
});
