import { decodeBase64 } from '../base64.ts';
import type { ReceivedPicture } from '../inspect-picture.ts';
import type { ReferenceReader } from '../reference-reader.ts';
import { invalidImageRequest, invalidRequest } from './errors.ts';
import type { GptModel } from './models.ts';
import type { Part } from './multipart.ts';
import type { Fields } from './parameters.ts';

/** What an edit was given: its fields without the pictures, and the pictures. */
export type EditForm = { readonly fields: Fields; readonly references: readonly ReceivedPicture[] };

const MIME_FORMATS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/webp': 'webp',
};
const MAX_IMAGES = 16;
/** "Less than 50 MB" each; the mask's 4 MB of an older text are not enforced (section 11). */
const MAX_BYTES = 50 * 1024 * 1024;
const INTEGERS = new Set(['n', 'output_compression', 'partial_images', 'frame_count', 'frame_duration_ms']);
const BOOLEANS = new Set(['stream']);
const OVERLAYS = new Set(['mask', 'markup']);

type Upload = { readonly param: string; readonly declared: string; readonly bytes: Buffer };

/** Section 3.5, the form: every file has a name and a mimetype, and is what it says. Throws `OpenAiRefusal`. */
export async function readEditForm(
  parts: readonly Part[],
  model: (fields: Fields) => GptModel,
  reader: ReferenceReader,
): Promise<EditForm> {
  const isFile = (part: Part): boolean =>
    part.name === 'image' || part.name === 'image[]' || OVERLAYS.has(part.name);
  const fields = fieldsOf(parts.filter((part) => !isFile(part)));
  const images = parts.filter((part) => isFile(part) && !OVERLAYS.has(part.name));
  if (images.filter(({ name }) => name === 'image').length > 1) {
    throw invalidRequest(
      'invalid_value',
      'image',
      "Duplicate parameter: 'image'. Use the array syntax instead.",
    );
  }
  const isArray = images.some(({ name }) => name === 'image[]');
  const uploads = images.map((part, at) => uploadOf(part, isArray ? `image[${at}]` : 'image'));
  const overlays = parts.filter((part) => OVERLAYS.has(part.name)).map((part) => uploadOf(part, part.name));
  return { fields, references: await checked(uploads, overlays, model(fields), reader) };
}

/** Section 3.5, the JSON: `images` of links and data URIs, and `mask` of the same kind. Throws `OpenAiRefusal`. */
export async function readEditJson(
  body: Fields,
  model: (fields: Fields) => GptModel,
  reader: ReferenceReader,
): Promise<EditForm> {
  const { images, mask, markup, ...fields } = body;
  if (!Array.isArray(images)) throw missingImage('images');
  const uploads = await Promise.all(images.map((one, at) => downloaded(one, `images[${at}]`, reader)));
  const overlays = await Promise.all(
    Object.entries({ mask, markup })
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => downloaded(value, name, reader)),
  );
  return { fields, references: await checked(uploads, overlays, model(fields), reader) };
}

/** The scalars of a form are texts: numbers and booleans are read where the field has one. */
function fieldsOf(parts: readonly Part[]): Fields {
  const fields: Record<string, unknown> = {};
  for (const { name, bytes, filename } of parts) {
    if (filename !== undefined)
      throw invalidRequest('invalid_type', name, `Invalid type for '${name}': a file.`);
    if (Object.hasOwn(fields, name))
      throw invalidRequest('invalid_type', name, `Duplicate parameter: '${name}'.`);
    const text = bytes.toString();
    if (INTEGERS.has(name) && /^-?\d+$/.test(text)) fields[name] = Number(text);
    else if (BOOLEANS.has(name) && /^(true|false)$/.test(text)) fields[name] = text === 'true';
    else fields[name] = text;
  }
  return fields;
}

function uploadOf(part: Part, param: string): Upload {
  if (part.filename === undefined)
    throw invalidRequest('invalid_type', param, `Invalid type for '${param}': expected a file.`);
  if (part.contentType === undefined)
    throw invalidRequest('missing_file_mimetype', param, `Invalid file '${param}': no mimetype.`);
  return { param, declared: part.contentType, bytes: part.bytes };
}

async function downloaded(value: unknown, param: string, reader: ReferenceReader): Promise<Upload> {
  const address =
    typeof value === 'object' && value !== null ? (value as { image_url?: unknown }).image_url : undefined;
  if (typeof address !== 'string')
    throw invalidRequest('invalid_value', param, `'${param}' needs an image_url; no such file is known.`);
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(address);
  if (inline !== null)
    return { param, declared: inline[1] ?? '', bytes: decodeBase64(inline[2] ?? '') ?? Buffer.alloc(0) };
  const bytes = URL.canParse(address) ? await reader.fetchReference(new URL(address)) : undefined;
  if (bytes === undefined)
    throw invalidRequest('invalid_value', param, `'${param}' cannot be downloaded from its image_url.`);
  const format = (await reader.inspect(bytes))?.format ?? 'unknown';
  return { param, declared: `image/${format}`, bytes };
}

async function checked(
  uploads: readonly Upload[],
  overlays: readonly Upload[],
  model: GptModel,
  reader: ReferenceReader,
): Promise<readonly ReceivedPicture[]> {
  if (uploads.length === 0) throw missingImage('image');
  if (uploads.length > MAX_IMAGES)
    throw invalidImageRequest('invalid_value', 'image', `Invalid 'image': at most ${MAX_IMAGES} images.`);
  const pictures = await Promise.all(uploads.map((upload, at) => picture(upload, at, reader)));
  for (const overlay of overlays) await checkOverlay(overlay, overlays, pictures[0], model, reader);
  return pictures;
}

async function picture(upload: Upload, at: number, reader: ReferenceReader): Promise<ReceivedPicture> {
  const { param, declared, bytes } = upload;
  const mime = declared.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = MIME_FORMATS[mime];
  if (format === undefined) {
    throw invalidRequest(
      'unsupported_file_mimetype',
      param,
      `Invalid file '${param}': unsupported mimetype ('${mime}'). Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'.`,
    );
  }
  if (bytes.length >= MAX_BYTES)
    throw invalidImageRequest('invalid_value', param, `Invalid '${param}': the file is 50 MB or larger.`);
  const seen = await reader.inspect(bytes);
  // A declared type that is not the real one is taken for a broken file.
  if (seen === undefined || seen.format !== format)
    throw invalidRequest(null, param, `Invalid image file or mode for image ${at + 1}`);
  return seen;
}

async function checkOverlay(
  overlay: Upload,
  overlays: readonly Upload[],
  first: ReceivedPicture | undefined,
  model: GptModel,
  reader: ReferenceReader,
): Promise<void> {
  const { param } = overlay;
  if (param === 'markup' && (model.generation < 2.5 || overlays.length > 1))
    throw invalidImageRequest('invalid_value', 'markup', 'markup needs a 2.5 model and no mask.');
  const seen = await picture(overlay, 0, reader);
  if (seen.format !== 'png' || !seen.hasAlpha)
    throw invalidImageRequest(
      'invalid_value',
      param,
      `Invalid '${param}': a PNG with an alpha channel is expected.`,
    );
  if (param === 'mask' && (seen.width !== first?.width || seen.height !== first.height))
    throw invalidImageRequest('invalid_value', 'mask', 'Invalid mask: its size differs from the image.');
}

function missingImage(param: string): Error {
  return invalidRequest('missing_required_parameter', param, `Missing required parameter: '${param}'.`);
}
