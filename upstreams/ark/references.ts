import { decodeBase64 } from '../base64.ts';
import type { ReceivedPicture } from '../inspect-picture.ts';
import type { ReferenceReader } from '../reference-reader.ts';
import { invalidParameter, refusalNamed } from './errors.ts';
import type { ReferenceRule } from './models.ts';

const DATA_URI = /^data:image\/([a-z0-9.+-]+);base64,/;
const MAX_PIXELS = 36_000_000;
const MIN_SIDE = 14;

/** The pictures of the `image` field, checked by section 5. Throws `ArkRefusal`. */
export async function readReferences(
  image: unknown,
  rule: ReferenceRule,
  reader: ReferenceReader,
): Promise<ReceivedPicture[]> {
  if (image === undefined) {
    if (rule.min > 0) throw refusalNamed('missing_parameter');
    return [];
  }
  const isOnlyOne = rule.max === 1;
  if (isOnlyOne && typeof image !== 'string')
    throw invalidParameter('image', 'exactly one image is expected.');
  const list: unknown[] = Array.isArray(image) ? image : [image];
  if (list.length === 0) throw refusalNamed('empty_image_url');
  if (list.length > rule.max) {
    throw invalidParameter('image', `the number of reference images cannot exceed ${rule.max}.`);
  }
  return Promise.all(list.map((one) => readReference(one, rule, reader)));
}

async function readReference(
  image: unknown,
  rule: ReferenceRule,
  reader: ReferenceReader,
): Promise<ReceivedPicture> {
  if (typeof image !== 'string')
    throw invalidParameter('image', 'a string or a list of strings is expected.');
  if (image === '') throw refusalNamed('empty_image_url');
  const picture = /^https?:\/\//.test(image)
    ? await readFromAddress(image, reader)
    : await readFromDataUri(image, reader);
  check(picture, rule);
  return picture;
}

async function readFromAddress(address: string, reader: ReferenceReader): Promise<ReceivedPicture> {
  if (!URL.canParse(address)) throw refusalNamed('invalid_image_url');
  const bytes = await reader.fetchReference(new URL(address));
  if (bytes === undefined) throw invalidParameter('image', 'the image cannot be downloaded from its URL.');
  return (await reader.inspect(bytes)) ?? refuse();
}

async function readFromDataUri(image: string, reader: ReferenceReader): Promise<ReceivedPicture> {
  const prefix = DATA_URI.exec(image);
  if (prefix === null) throw refusalNamed('invalid_image_url');
  const text = image.slice(prefix[0].length);
  if (text === '') throw refusalNamed('empty_image_url');
  const bytes = decodeBase64(text) ?? refuse();
  const picture = (await reader.inspect(bytes)) ?? refuse();
  const declared = prefix[1] === 'jpg' ? 'jpeg' : prefix[1];
  // Not documented; a declared format that is not the real one is taken for a broken file.
  if (declared !== picture.format) throw refusalNamed('invalid_image_url');
  return picture;
}

function check(picture: ReceivedPicture, rule: ReferenceRule): void {
  const { format, width, height, sizeBytes } = picture;
  const seen = `${width}x${height}px image`;
  if (!rule.formats.has(format)) throw invalidParameter('image', `the format ${format} is not supported.`);
  if (sizeBytes > rule.maxBytes) {
    throw invalidParameter('image', `the image size cannot exceed ${rule.maxBytes / 1024 / 1024} MB.`);
  }
  for (const [name, side] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (side <= MIN_SIDE) {
      throw invalidParameter(
        'image',
        `expected the ${name} to be at least ${MIN_SIDE}px, but received a ${seen}.`,
      );
    }
  }
  if (width * height > MAX_PIXELS) {
    throw invalidParameter('image', `expected at most ${MAX_PIXELS} pixels, but received a ${seen}.`);
  }
  const ratio = width / height;
  if (ratio > rule.ratio || ratio < 1 / rule.ratio) {
    throw invalidParameter(
      'image',
      `expected a ratio within [1/${rule.ratio}, ${rule.ratio}], but received a ${seen}.`,
    );
  }
}

function refuse(): never {
  throw refusalNamed('invalid_image_url');
}
