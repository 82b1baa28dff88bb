import { createEndpoint } from '../../../actions/webhooks/create-endpoint.ts';
import { deleteEndpoint } from '../../../actions/webhooks/delete-endpoint.ts';
import { enableEndpoint } from '../../../actions/webhooks/enable-endpoint.ts';
import { getEndpoint } from '../../../actions/webhooks/get-endpoint.ts';
import { getSigningSecret } from '../../../actions/webhooks/get-signing-secret.ts';
import { listDeliveries } from '../../../actions/webhooks/list-deliveries.ts';
import { listEndpoints } from '../../../actions/webhooks/list-endpoints.ts';
import { redeliver } from '../../../actions/webhooks/redeliver.ts';
import { rotateSecret } from '../../../actions/webhooks/rotate-secret.ts';
import { rotateSigningSecret } from '../../../actions/webhooks/rotate-signing-secret.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { presentDelivery, presentEndpoint, presentSigningSecret } from './present.ts';
import {
  createEndpointSchema,
  deleteEndpointSchema,
  enableEndpointSchema,
  getEndpointSchema,
  getSigningSecretSchema,
  listDeliveriesSchema,
  listEndpointsSchema,
  redeliverSchema,
  rotateSecretSchema,
  rotateSigningSecretSchema,
} from './schema.ts';

const ENDPOINTS = '/v1/webhooks/endpoints';
const SIGNING_SECRET = '/v1/webhooks/signing-secret';
const DELIVERIES = '/v1/webhooks/deliveries';

const noStore = ['cache-control', 'no-store'] as const;

/** Deliveries in a page unless the caller says otherwise. */
const DEFAULT_PAGE = 20;

/** Everything under `/v1/webhooks`. */
export const registerWebhookRoutes = (
  app: Server,
  parts: Pick<ServerParts, 'webhooks' | 'tasks' | 'events'>,
): void => {
  app.post(ENDPOINTS, { schema: createEndpointSchema }, async (request, reply) => {
    const { endpoint, secret } = await createEndpoint(parts, {
      keyId: request.caller.id,
      url: request.body.url,
    });
    return reply
      .code(201)
      .header(...noStore)
      .header('location', `${ENDPOINTS}/${endpoint.id}`)
      .send({ ...presentEndpoint(endpoint), secret: secret.reveal() });
  });

  app.get(ENDPOINTS, { schema: listEndpointsSchema }, async (request, reply) => {
    const endpoints = await listEndpoints(parts, request.caller.id);
    return reply.header(...noStore).send({ object: 'list', data: endpoints.map(presentEndpoint) });
  });

  app.get(`${ENDPOINTS}/:endpoint_id`, { schema: getEndpointSchema }, async (request, reply) => {
    const address = { endpointId: request.params.endpoint_id, keyId: request.caller.id };
    return reply.header(...noStore).send(presentEndpoint(await getEndpoint(parts, address)));
  });

  app.delete(`${ENDPOINTS}/:endpoint_id`, { schema: deleteEndpointSchema }, async (request, reply) => {
    await deleteEndpoint(parts, { endpointId: request.params.endpoint_id, keyId: request.caller.id });
    return reply.code(204).send();
  });

  app.post(
    `${ENDPOINTS}/:endpoint_id/rotate-secret`,
    { schema: rotateSecretSchema },
    async (request, reply) => {
      const address = { endpointId: request.params.endpoint_id, keyId: request.caller.id };
      const { endpoint, secret } = await rotateSecret(parts, address);
      return reply.header(...noStore).send({ ...presentEndpoint(endpoint), secret: secret.reveal() });
    },
  );

  app.post(`${ENDPOINTS}/:endpoint_id/enable`, { schema: enableEndpointSchema }, async (request, reply) => {
    const address = { endpointId: request.params.endpoint_id, keyId: request.caller.id };
    return reply.header(...noStore).send(presentEndpoint(await enableEndpoint(parts, address)));
  });

  app.get(SIGNING_SECRET, { schema: getSigningSecretSchema }, async (request, reply) =>
    reply.header(...noStore).send(presentSigningSecret(await getSigningSecret(parts, request.caller.id))),
  );

  app.post(`${SIGNING_SECRET}/rotate`, { schema: rotateSigningSecretSchema }, async (request, reply) =>
    reply.header(...noStore).send(presentSigningSecret(await rotateSigningSecret(parts, request.caller.id))),
  );

  app.get(DELIVERIES, { schema: listDeliveriesSchema }, async (request, reply) => {
    const { limit = DEFAULT_PAGE, after, task_id, state } = request.query;
    const page = await listDeliveries(parts, {
      keyId: request.caller.id,
      limit,
      ...(after !== undefined && { afterId: after }),
      ...(task_id !== undefined && { taskId: task_id }),
      ...(state !== undefined && { state }),
    });
    const lastId = page.deliveries.at(-1)?.id;
    return reply.header(...noStore).send({
      object: 'list',
      data: page.deliveries.map(presentDelivery),
      has_more: page.hasMore,
      ...(lastId !== undefined && { last_id: lastId }),
    });
  });

  app.post(`${DELIVERIES}/:delivery_id/redeliver`, { schema: redeliverSchema }, async (request, reply) => {
    const delivery = await redeliver(parts, {
      deliveryId: request.params.delivery_id,
      keyId: request.caller.id,
    });
    return reply.header(...noStore).send(presentDelivery(delivery));
  });
};
