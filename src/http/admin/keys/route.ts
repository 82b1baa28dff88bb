import { createKey } from '../../../actions/create-key.ts';
import { listKeys } from '../../../actions/list-keys.ts';
import { revokeKey } from '../../../actions/revoke-key.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { presentKey } from './present.ts';
import { createKeySchema, listKeysSchema, revokeKeySchema } from './schema.ts';

/** `/admin/v1/keys`. */
export const registerKeyRoutes = (app: Server, parts: Pick<ServerParts, 'keys'>): void => {
  app.post('/admin/v1/keys', { schema: createKeySchema }, async (request, reply) => {
    const { name, role = 'user' } = request.body;
    const { key, secret } = await createKey(parts, { name, role });
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ id: key.id, name: key.name, role: key.role, key: secret });
  });
  app.get('/admin/v1/keys', { schema: listKeysSchema }, async (_request, reply) => {
    const keys = await listKeys(parts);
    return reply.header('cache-control', 'no-store').send({ object: 'list', data: keys.map(presentKey) });
  });
  app.delete('/admin/v1/keys/:key_id', { schema: revokeKeySchema }, async (request, reply) => {
    const key = await revokeKey(parts, request.params.key_id);
    return reply.header('cache-control', 'no-store').send(presentKey(key));
  });
};
