import { decodeBase64 } from '../base64.ts';
import type { ReceivedPicture } from '../inspect-picture.ts';
import type { ReferenceReader } from '../reference-reader.ts';
import { service } from './errors.ts';
import { textList } from './fields.ts';
import type { Fields } from './fields.ts';
import type { InputRule } from './models.ts';

/** The input pictures of a submission, checked by sections 5 and 8.2. Throws `JimengRefusal`. */
export async function readInputs(
  fields: Fields,
  rule: InputRule | undefined,
  reader: ReferenceReader,
): Promise<readonly ReceivedPicture[]> {
  if (rule === undefined) return [];
  const inline = rule.takesBase64 ? textList(fields, 'binary_data_base64') : [];
  const addresses = inline.length === 0 ? textList(fields, 'image_urls') : [];
  const count = inline.length + addresses.length;
  if (count < rule.min) throw service(50206);
  if (count > rule.max) throw service(50200, `Invalid Argument: at most ${rule.max} images`);
  const bytes = [
    ...inline.map(decodeInline),
    ...(await Promise.all(addresses.map((one) => fetched(one, reader)))),
  ];
  return Promise.all(bytes.map((one) => checked(one, rule, reader)));
}

/** A `data:` prefix is no base64: the usual cause of 50207. */
function decodeInline(text: string): Buffer {
  const bytes = decodeBase64(text);
  if (bytes === undefined || bytes.length === 0) throw service(50207);
  return bytes;
}

async function fetched(address: string, { fetchReference }: ReferenceReader): Promise<Buffer> {
  const isAddress = /^https?:\/\//.test(address) && URL.canParse(address);
  const bytes = isAddress ? await fetchReference(new URL(address)) : undefined;
  if (bytes === undefined) throw service(50207);
  return bytes;
}

async function checked(
  bytes: Buffer,
  rule: InputRule,
  { inspect }: ReferenceReader,
): Promise<ReceivedPicture> {
  if (bytes.length > rule.maxBytes) throw service(50205);
  const picture = await inspect(bytes);
  if (picture === undefined) throw service(50207);
  const { format, width, height } = picture;
  if (format !== 'jpeg' && format !== 'png')
    throw service(50200, `Invalid Argument: MIME type image/${format}`);
  const [short, long] = width < height ? [width, height] : [height, width];
  if (long > rule.maxSide || long > short * rule.maxRatio) throw service(50205);
  return picture;
}
