import Type from 'typebox';
import type { Static } from 'typebox';
import { secretText } from '../../core/settings.ts';

/** What `providers.<name>` holds for OpenAI, Azure and every server that speaks like them. */
export const settingsSchema = Type.Object({
  api_key: Type.Optional(secretText('API key; a server of your own may need none')),
  api_version: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Azure only: the `api-version` of its deployments API, e.g. 2025-04-01-preview. ' +
        'The upstream model is then the name of a deployment',
    }),
  ),
});

export type OpenAiSettings = Static<typeof settingsSchema>;
