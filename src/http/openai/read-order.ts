import { Check } from 'typebox/value';
import { LimnerError } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import { type GenerationBody, GenerationRequestSchema } from '../routes/generations/schema.ts';
import { type Fields, readFields } from './fields.ts';
import { onePictureOnly, type Upload } from './read-form.ts';

/** The two endpoints that make pictures. */
export type Endpoint = 'generations' | 'edits';

/** What a request brought along, whichever way. */
export interface Content {
  readonly fields: unknown;
  readonly upload?: Upload;
  /** Names of files that were not looked at. */
  readonly ignored: readonly string[];
}

/** A request of an OpenAI client in the words of `/v1`. */
export interface Order {
  readonly body: GenerationBody;
  /** What a repetition of the request has in common with it. */
  readonly essence: JsonValue;
  /** Whether the answer is a stream of events. */
  readonly isStream: boolean;
  /** Names of fields that have no effect. */
  readonly ignored: readonly string[];
}

/**
 * Translates a request. Throws `invalid_parameter`.
 *
 * @param deployment the model that the address names, as with Azure; it goes before the one in the body.
 */
export const readOrder = (
  endpoint: Endpoint,
  { fields: given, upload, ignored: files }: Content,
  deployment: string | undefined,
): Order => {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new LimnerError('invalid_parameter', 'The body must be a JSON object.');
  }
  const { image, images, 'image[]': listed, ...plain } = given as Readonly<Record<string, unknown>>;
  const { fields, ignored } = readFields(deployment === undefined ? plain : { ...plain, model: deployment });
  const links = [image, images, listed, fields.url].flatMap(linksIn);
  if (links.length + (upload === undefined ? 0 : 1) > 1) throw onePictureOnly();
  if (endpoint === 'edits' && upload === undefined && links.length === 0) {
    throw new LimnerError('invalid_parameter', '`image` is missing: send the picture to be changed.', {
      param: 'image',
    });
  }
  return {
    body: toBody(endpoint, fields, links[0]),
    essence: [endpoint, deployment ?? null, upload?.sha256 ?? null, given as JsonValue],
    isStream: fields.stream ?? false,
    ignored: [...ignored, ...files],
  };
};

/** The reference pictures that a field names: one address, several, or OpenAI's `{image_url}`. */
const linksIn = (value: unknown): readonly string[] => {
  if (value === undefined || value === null || value === '') return [];
  if (Array.isArray(value)) return value.flatMap(linksIn);
  const link = typeof value === 'object' && 'image_url' in value ? value.image_url : value;
  if (typeof link === 'string' && Check(GenerationRequestSchema.properties.url, link)) return [link];
  throw new LimnerError(
    'invalid_parameter',
    '`image` must be a file of a form, an http or https address, or a data:image/…;base64 URI of at most 10 MB. ' +
      'Files are not kept here, so there is no `file_id`.',
    { param: 'image' },
  );
};

/** Clients of these models read nothing but base64, and those of all others expect a link. */
const ANSWERS_BASE64 = /^(?:chat)?gpt-image/;

const toBody = (endpoint: Endpoint, fields: Fields, link: string | undefined): GenerationBody => {
  const { stream, safety_identifier: user, ...rest } = fields;
  const usual = endpoint === 'edits' || ANSWERS_BASE64.test(fields.model) ? 'b64_json' : 'url';
  const responseFormat = stream === true ? 'b64_json' : (fields.response_format ?? usual);
  return {
    ...(user !== undefined && { user }),
    ...rest,
    ...(link !== undefined && { url: link }),
    response_format: responseFormat,
    // Clients take base64 for PNG without looking.
    output_format: fields.output_format ?? (responseFormat === 'b64_json' ? 'png' : 'auto'),
  };
};
