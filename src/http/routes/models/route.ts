import { findModel } from '../../../actions/find-model.ts';
import { listModels } from '../../../actions/list-models.ts';
import type { Server } from '../../server.ts';
import type { ServerParts } from '../../server-parts.ts';
import { createModelPresenter } from './present.ts';
import { getModelSchema, listModelsSchema } from './schema.ts';

/** `/v1/models`. */
export const registerModelRoutes = (app: Server, parts: Pick<ServerParts, 'models' | 'providers'>): void => {
  const present = createModelPresenter(parts);
  app.get('/v1/models', { schema: listModelsSchema }, (request, reply) => {
    void reply.send({ object: 'list', data: listModels(parts, request.caller).map(present) });
  });
  app.get('/v1/models/:model', { schema: getModelSchema }, (request, reply) => {
    void reply.send(present(findModel(parts.models, request.params.model)));
  });
};
