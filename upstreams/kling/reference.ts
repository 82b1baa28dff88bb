import { decodeBase64 } from '../base64.ts';
import type { ReferenceReader } from '../reference-reader.ts';
import { invalidValue, refusalNamed } from './errors.ts';

const MAX_BYTES = 10 * 1024 * 1024;
const MIN_SIDE = 300;
const MAX_RATIO = 2.5;

/** Section 4: an address or bare base64 of a JPEG or PNG. Throws `KlingRefusal`. */
export async function checkReference(image: string, reader: ReferenceReader): Promise<void> {
  const bytes = /^https?:\/\//.test(image) ? await download(image, reader) : decodeBase64(image);
  // A data URI ends here too: its prefix is no base64.
  if (bytes === undefined || bytes.length === 0) throw refusalNamed('bad_base64');
  if (bytes.length > MAX_BYTES) throw invalidValue('The image file size cannot exceed 10MB');
  const picture = await reader.inspect(bytes);
  if (picture === undefined || !['jpeg', 'png'].includes(picture.format)) {
    throw invalidValue('The image format is invalid, only jpg, jpeg and png are supported');
  }
  const { width, height } = picture;
  if (width < MIN_SIDE || height < MIN_SIDE) {
    throw invalidValue(
      `The image width and height must be at least ${MIN_SIDE}px, but got ${width}x${height}`,
    );
  }
  if (Math.max(width / height, height / width) > MAX_RATIO) {
    throw invalidValue(`The image aspect ratio must be between 1:2.5 and 2.5:1, but got ${width}x${height}`);
  }
}

async function download(address: string, { fetchReference }: ReferenceReader): Promise<Buffer> {
  const bytes = URL.canParse(address) ? await fetchReference(new URL(address)) : undefined;
  if (bytes === undefined) throw invalidValue('Failed to download the image from its URL');
  return bytes;
}
