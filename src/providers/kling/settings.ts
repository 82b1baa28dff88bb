import Type from 'typebox';
import type { Static } from 'typebox';
import { secretText } from '../../core/settings.ts';

/**
 * What `providers.<name>` holds for Kling: an API key, or a pair of keys that signs a token for each request. With
 * both, the API key counts.
 */
export const settingsSchema = Type.Union([
  Type.Object({ api_key: secretText('API key of the Kling console; it belongs to one site') }),
  Type.Object({
    access_key: secretText('AccessKey of the Kling console'),
    secret_key: secretText('SecretKey of the Kling console'),
  }),
]);

export type KlingSettings = Static<typeof settingsSchema>;
