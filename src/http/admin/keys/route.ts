import { presentKey, presentSettings, readKeyChanges, readNewKey } from '../../../access/key-json.ts';
import type { KeyWithSecret } from '../../../access/keys.ts';
import { createKey } from '../../../actions/create-key.ts';
import { getKey } from '../../../actions/get-key.ts';
import { listKeys } from '../../../actions/list-keys.ts';
import { revokeKey } from '../../../actions/revoke-key.ts';
import { rotateKey } from '../../../actions/rotate-key.ts';
import { updateKey } from '../../../actions/update-key.ts';
import { actorOf } from '../../auth.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import {
  createKeySchema,
  getKeySchema,
  listKeysSchema,
  revokeKeySchema,
  rotateKeySchema,
  updateKeySchema,
} from './schema.ts';

const PATH = '/admin/v1/keys';

/** How long the secret before a rotation works on, unless told. */
const OVERLAP_SECONDS = 24 * 60 * 60;

const presentSecret = ({ key, secret }: KeyWithSecret) => ({
  id: key.id,
  name: key.name,
  role: key.role,
  key: secret,
  ...presentSettings(key),
});

/** Everything under `/admin/v1/keys`. */
export const registerKeyRoutes = (app: Server, parts: Pick<ServerParts, 'keys' | 'models'>): void => {
  app.post(PATH, { schema: createKeySchema }, async (request, reply) => {
    const created = await createKey(parts, readNewKey(request.body), actorOf(request));
    return reply.code(201).header('cache-control', 'no-store').send(presentSecret(created));
  });
  app.get(PATH, { schema: listKeysSchema }, async (_request, reply) => {
    const keys = await listKeys(parts);
    return reply.header('cache-control', 'no-store').send({ object: 'list', data: keys.map(presentKey) });
  });
  app.get(`${PATH}/:key_id`, { schema: getKeySchema }, async (request, reply) => {
    const key = await getKey(parts, request.params.key_id);
    return reply.header('cache-control', 'no-store').send(presentKey(key));
  });
  app.patch(`${PATH}/:key_id`, { schema: updateKeySchema }, async (request, reply) => {
    const changes = readKeyChanges(request.body);
    const key = await updateKey(parts, request.params.key_id, changes, actorOf(request));
    return reply.header('cache-control', 'no-store').send(presentKey(key));
  });
  app.post(`${PATH}/:key_id/rotate`, { schema: rotateKeySchema }, async (request, reply) => {
    const overlapMs = (request.body.overlap_seconds ?? OVERLAP_SECONDS) * 1000;
    const rotated = await rotateKey(parts, request.params.key_id, overlapMs, actorOf(request));
    const { previousUntilMs } = rotated.key;
    return reply.header('cache-control', 'no-store').send({
      ...presentSecret(rotated),
      ...(previousUntilMs !== undefined && { previous_expires_at: Math.floor(previousUntilMs / 1000) }),
    });
  });
  app.delete(`${PATH}/:key_id`, { schema: revokeKeySchema }, async (request, reply) => {
    const key = await revokeKey(parts, request.params.key_id, actorOf(request));
    return reply.header('cache-control', 'no-store').send(presentKey(key));
  });
};
