import type { AuditEntry } from '../../../access/audit.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { type AuditEntryView, listAuditSchema } from './schema.ts';

/** Acts in a page unless the caller says otherwise. */
const DEFAULT_PAGE = 20;

const present = ({ id, atMs, act, target, actor, details }: AuditEntry): AuditEntryView => ({
  id,
  at: Math.floor(atMs / 1000),
  act,
  target,
  actor: {
    ...(actor.keyId !== undefined && { key_id: actor.keyId }),
    name: actor.name,
    ...(actor.address !== undefined && { address: actor.address }),
  },
  details,
});

/** `/admin/v1/audit`. */
export const registerAuditRoute = (app: Server, parts: Pick<ServerParts, 'audit'>): void => {
  app.get('/admin/v1/audit', { schema: listAuditSchema }, async (request, reply) => {
    const { limit = DEFAULT_PAGE, after } = request.query;
    const page = await parts.audit.list({ limit, ...(after !== undefined && { afterId: after }) });
    const lastId = page.entries.at(-1)?.id;
    return reply.header('cache-control', 'no-store').send({
      object: 'list',
      data: page.entries.map(present),
      has_more: page.hasMore,
      ...(lastId !== undefined && { last_id: lastId }),
    });
  });
};
