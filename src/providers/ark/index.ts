/**
 * Volcengine Ark and BytePlus ModelArk: Seedream and SeedEdit over one synchronous endpoint. It keeps no call ids,
 * so a call whose answer was lost may have been paid for and cannot be looked up.
 */
import type { Adapter } from '../provider.ts';
import { cardOf, cards } from './models.ts';
import { toBody } from './request.ts';
import { readAnswer, readCatalogue } from './response.ts';
import { settingsSchema } from './settings.ts';
import type { ArkSettings } from './settings.ts';

export type { ArkSettings };

/** The adapter for Ark; `base_url` chooses between China (the default), BytePlus and the plans. */
export const ark: Adapter<ArkSettings> = {
  name: 'ark',
  settingsSchema,
  defaultBaseUrl: 'https://ark.cn-beijing.volces.com/api/v3',
  resend: 'ambiguous',
  cards,
  card: cardOf,
  send: async (request, context) => {
    const body = await toBody(request, context.reference);
    const answer = await context.http.exchange({
      method: 'POST',
      path: '/images/generations',
      headers: {
        authorization: `Bearer ${context.settings.api_key.reveal()}`,
        'content-type': 'application/json',
        'x-client-request-id': context.callId,
      },
      body: JSON.stringify(body),
    });
    return readAnswer(answer, context);
  },
  // The catalogue of models (sheet section 1).
  tryCredentials: async (_, context) => {
    const headers = { authorization: `Bearer ${context.settings.api_key.reveal()}` };
    readCatalogue(await context.http.exchange({ method: 'GET', path: '/models', headers }), context);
    return 'works';
  },
};
