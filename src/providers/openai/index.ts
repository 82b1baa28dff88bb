/**
 * OpenAI's Images API, as OpenAI, Azure and compatible servers speak it: one synchronous request. It takes no call
 * ids and no idempotency keys, so a call whose answer was lost may have been paid for and cannot be looked up.
 */
import type { Adapter } from '../provider.ts';
import { cardOf, cards } from './models.ts';
import { toCatalogueRequest, toUpstreamRequest } from './request.ts';
import { readAnswer, readCatalogue } from './response.ts';
import { settingsSchema } from './settings.ts';
import type { OpenAiSettings } from './settings.ts';

export type { OpenAiSettings };

/** The adapter for OpenAI; `base_url` chooses any other server that speaks its API, `api_version` Azure's dialect. */
export const openai: Adapter<OpenAiSettings> = {
  name: 'openai',
  settingsSchema,
  defaultBaseUrl: 'https://api.openai.com/v1',
  resend: 'ambiguous',
  cards,
  card: cardOf,
  send: async (request, context) =>
    readAnswer(await context.http.exchange(await toUpstreamRequest(request, context)), request, context),
  tryCredentials: async (_, context) => {
    // The catalogue of Azure's deployments API is not known to be there for every resource.
    if (context.settings.api_version !== undefined) return 'untried';
    readCatalogue(await context.http.exchange(toCatalogueRequest(context)), context);
    return 'works';
  },
};
