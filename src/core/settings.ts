import Type from 'typebox';
import type { TSchema } from 'typebox';
import type { Secret } from './secret.ts';

/**
 * How adapters describe their part of `providers.<name>`. A settings schema is a flat object (or a union of flat
 * objects) whose keys are spelled as in `limner.yaml`, in snake case; the settings reach the adapter under the
 * same keys. The configuration reports what is wrong or missing, applies `default`s, and wraps secrets.
 */

/** The JSON Schema keyword that marks a credential. */
const SECRET_KEYWORD = 'x-secret';

/**
 * A credential: a text in `limner.yaml`, a `Secret` in the adapter's settings. It is never shown.
 *
 *     const settingsSchema = Type.Object({ api_key: secretText('API key of the Ark console') });
 *     type Settings = Static<typeof settingsSchema>; // { api_key: Secret }
 */
export const secretText = (description: string) =>
  Type.Unsafe<Secret>({ type: 'string', minLength: 1, description, [SECRET_KEYWORD]: true });

/** Whether the schema was made by `secretText`. */
export const isSecretText = (schema: TSchema): boolean =>
  (schema as { readonly [SECRET_KEYWORD]?: unknown })[SECRET_KEYWORD] === true;
