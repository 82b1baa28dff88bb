import Type from 'typebox';
import type { Static } from 'typebox';
import { secretText } from '../../core/settings.ts';

/** What `providers.<name>` holds for a provider of the AI SDK. */
export const settingsSchema = Type.Object({
  package: Type.String({
    pattern: '^(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$',
    description: 'The installed package of the AI SDK, e.g. @ai-sdk/replicate',
    examples: ['@ai-sdk/replicate'],
  }),
  api_key: Type.Optional(secretText('API key or token of the vendor')),
  ask_by: Type.Optional(
    Type.Enum(['size', 'aspect_ratio'], {
      type: 'string',
      default: 'size',
      description: 'Whether its models are asked for a size, or for a shape only',
    }),
  ),
});

export type AiSdkSettings = Static<typeof settingsSchema>;
