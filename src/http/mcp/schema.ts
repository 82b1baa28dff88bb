import type { Tool } from '@modelcontextprotocol/server';
import Type, { type Static, type TObject } from 'typebox';
import { GenerationRequestSchema } from '../routes/generations/schema.ts';
import { Text } from '../texts.ts';

const { prompt, url, size, n, negative_prompt, seed, guidance_scale, quality, style, output_format } =
  GenerationRequestSchema.properties;

/** Clients give a tool 60 seconds unless told otherwise, as the protocol's SDKs do. */
export const DEFAULT_WAIT_SECONDS = 50;
const LONGEST_WAIT_SECONDS = 540;

const wait_seconds = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: LONGEST_WAIT_SECONDS,
    default: DEFAULT_WAIT_SECONDS,
    description:
      'How long to wait for the pictures. When it is not enough, the answer names the task, and `get_task` waits on.',
  }),
);

/** Arguments of `generate_image`: those of `POST /v1/images/generations` that a language model has a use for. */
export const GenerateArguments = Type.Object(
  {
    model: Text(256, { description: 'The name of a model; `list_models` tells what each can do.' }),
    prompt,
    size,
    n,
    reference: url,
    negative_prompt,
    seed,
    guidance_scale,
    quality,
    style,
    output_format,
    wait_seconds,
  },
  { additionalProperties: false },
);

export type GenerateInput = Static<typeof GenerateArguments>;

/** Arguments of `get_task`. */
export const GetTaskArguments = Type.Object(
  { task_id: Text(64, { description: 'The id that `generate_image` gave.' }), wait_seconds },
  { additionalProperties: false },
);

export type GetTaskInput = Static<typeof GetTaskArguments>;

/** `list_models` takes nothing. */
export const ListModelsArguments = Type.Object({}, { additionalProperties: false });

/** A schema as the protocol wants it, the models named that there are. */
export const toInputSchema = (schema: TObject, models: readonly string[]): Tool['inputSchema'] => {
  const plain = JSON.parse(JSON.stringify(schema)) as Tool['inputSchema'];
  const model = plain.properties?.['model'];
  if (typeof model !== 'object' || Array.isArray(model) || models.length === 0) return plain;
  return { ...plain, properties: { ...plain.properties, model: { ...model, enum: [...models] } } };
};
