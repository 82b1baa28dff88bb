import Type from 'typebox';
import type { Static } from 'typebox';
import { secretText } from '../../core/settings.ts';

/** What `providers.<name>` holds for Ark. */
export const settingsSchema = Type.Object({
  api_key: secretText('API key of the Ark console; it belongs to one platform, region and plan'),
});

export type ArkSettings = Static<typeof settingsSchema>;
