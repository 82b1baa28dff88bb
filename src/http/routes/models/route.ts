import { findModel } from '../../../actions/find-model.ts';
import { listModels } from '../../../actions/list-models.ts';
import type { PublicModel } from '../../../providers/catalog.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { presentModel } from './present.ts';
import { getModelSchema, listModelsSchema, type ModelView } from './schema.ts';

/** `/v1/models`. */
export const registerModelRoutes = (app: Server, parts: Pick<ServerParts, 'models' | 'providers'>): void => {
  const present = (model: PublicModel): ModelView => {
    const out = new Set(
      parts
        .providers()
        .filter(({ state }) => state !== 'ok')
        .map(({ name }) => name),
    );
    return presentModel(model, ({ provider }) => !out.has(provider.name));
  };
  app.get('/v1/models', { schema: listModelsSchema }, (_request, reply) => {
    void reply.send({ object: 'list', data: listModels(parts).map(present) });
  });
  app.get('/v1/models/:model', { schema: getModelSchema }, (request, reply) => {
    void reply.send(present(findModel(parts.models, request.params.model)));
  });
};
