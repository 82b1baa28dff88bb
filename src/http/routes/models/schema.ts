import Type, { type Static } from 'typebox';
import { answer, errorAnswers, keyErrors } from '../../described.ts';

/** A public model as callers see it: OpenAI's members first. */
export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('model', { type: 'string' }),
    created: Type.Integer({ description: 'Always 0: a public name is a promise without a date.' }),
    owned_by: Type.String(),
    available: Type.Boolean({ description: 'Whether a provider serves it now.' }),
    sizes: Type.Optional(
      Type.Object(
        {
          always: Type.Array(Type.String(), { description: 'Sizes that every model serves.' }),
          min_side: Type.Integer(),
          max_side: Type.Integer(),
          max_pixels: Type.Integer(),
        },
        { description: 'Any `WIDTHxHEIGHT` within these bounds is served, to the pixel.' },
      ),
    ),
    max_images: Type.Integer({ description: 'Largest `n`.' }),
    max_prompt_characters: Type.Optional(Type.Integer()),
    image_to_image: Type.Optional(Type.Boolean({ description: 'Whether `url` may be sent.' })),
    parameters: Type.Optional(
      Type.Object(
        {
          negative_prompt: Type.Boolean(),
          seed: Type.Boolean(),
          guidance_scale: Type.Boolean(),
          quality: Type.Boolean(),
          style: Type.Boolean(),
          watermark: Type.Boolean(),
        },
        {
          description:
            'Which optional parameters have an effect. The others are accepted, and told in `adjustments`.',
        },
      ),
    ),
    price: Type.Optional(
      Type.Object(
        {
          currency: Type.String(),
          tiers: Type.Array(
            Type.Object({
              up_to_pixels: Type.Optional(Type.Integer()),
              quality: Type.Optional(Type.String()),
              with_reference: Type.Optional(
                Type.Boolean({
                  description: 'For pictures made from a reference, or for those without one.',
                }),
              ),
              per_image: Type.Number(),
            }),
          ),
        },
        { description: 'What one delivered picture costs; the first tier that fits counts.' },
      ),
    ),
    retires_at: Type.Optional(
      Type.Integer({
        description:
          'When a vendor stops serving an upstream model behind it (Unix seconds); absent while no end is known.',
      }),
    ),
    notice: Type.Optional(Type.String()),
  },
  { title: 'Model' },
);

/** A public model as callers see it. */
export type ModelView = Static<typeof ModelSchema>;

/** Every public model, in OpenAI's list shape. */
export const ModelListSchema = Type.Object(
  { object: Type.Literal('list', { type: 'string' }), data: Type.Array(ModelSchema) },
  { title: 'ModelList' },
);

const security = [{ bearerAuth: [] }];
const tags = ['Models'];

export const listModelsSchema = {
  operationId: 'listModels',
  summary: 'List the models',
  description: 'Every public model: what it can do, what it costs, and whether it is available now.',
  tags,
  security,
  response: { 200: answer('The models.', ModelListSchema), ...errorAnswers(...keyErrors) },
};

export const getModelSchema = {
  operationId: 'getModel',
  summary: 'Read a model',
  tags,
  security,
  params: Type.Object({ model: Type.String({ description: 'The public name of the model.' }) }),
  response: { 200: answer('The model.', ModelSchema), ...errorAnswers('model_not_found', ...keyErrors) },
};
