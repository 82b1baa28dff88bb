import Type from 'typebox';
import type { Static } from 'typebox';
import { secretText } from '../../core/settings.ts';

/** What `providers.<name>` holds for Jimeng. */
export const settingsSchema = Type.Object({
  access_key_id: secretText('Access key id of the Volcengine account (AK)'),
  secret_access_key: secretText('Secret access key, as the console shows it (SK)'),
});

export type JimengSettings = Static<typeof settingsSchema>;
