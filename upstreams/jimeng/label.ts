/** The implicit label of section 9: a record in the file that says it was generated. */
import { crc32, deflateSync } from 'node:zlib';
import type { PictureFormat } from '../picture.ts';
import { service } from './errors.ts';
import { textField } from './fields.ts';
import type { Fields } from './fields.ts';

/** The record under its key, as the standard GB 45438-2025 lays it out (from memory, says the sheet). */
export type LabelRecord = { readonly AIGC: Readonly<Record<string, string>> };

const MAX_LENGTH = 256;
const NAMES = ['content_producer', 'producer_id', 'content_propagator', 'propagate_id'] as const;

/** Reads `aigc_meta`. Throws 50200 without `producer_id`, when the edition demands one, or for a long value. */
export function readLabel(meta: Fields | undefined, needsProducerId: boolean): LabelRecord | undefined {
  if (meta === undefined) return undefined;
  const [producer, producerId, propagator, propagateId] = NAMES.map((name) => {
    const text = textField(meta, name) ?? '';
    if (text.length > MAX_LENGTH)
      throw service(50200, `Invalid Argument: ${name} is longer than ${MAX_LENGTH}`);
    return text;
  });
  if (needsProducerId && !producerId) throw service(50200, 'Invalid Argument: producer_id is required');
  return {
    AIGC: {
      Label: '1',
      ContentProducer: producer ?? '',
      ProduceID: producerId ?? '',
      ReservedCode1: '',
      ContentPropagator: propagator ?? '',
      PropagateID: propagateId ?? '',
      ReservedCode2: '',
    },
  };
}

/** The file with the record in it: an iTXt chunk (PNG) or an APP11 segment (JPEG). */
export function labelled(bytes: Buffer, format: PictureFormat, record: LabelRecord): Buffer {
  return format === 'png' ? labelledPng(bytes, record) : labelledJpeg(bytes, record);
}

/** PNG 1.2, 4.2.3.3: keyword, compression flag and method, language and translated keyword empty, then the text. */
function labelledPng(bytes: Buffer, record: LabelRecord): Buffer {
  const data = Buffer.concat([
    Buffer.from('iTXtAIGC\0\u0001\0\0\0', 'latin1'),
    deflateSync(JSON.stringify(record.AIGC)),
  ]);
  const chunk = Buffer.alloc(data.length + 8);
  chunk.writeUInt32BE(data.length - 4, 0);
  data.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(data), data.length + 4);
  const end = bytes.length - 12;
  return Buffer.concat([bytes.subarray(0, end), chunk, bytes.subarray(end)]);
}

function labelledJpeg(bytes: Buffer, record: LabelRecord): Buffer {
  const text = Buffer.from(JSON.stringify(record));
  const head = Buffer.alloc(4);
  head.writeUInt16BE(0xffeb, 0);
  head.writeUInt16BE(text.length + 2, 2);
  const afterHeader = 4 + bytes.readUInt16BE(4);
  return Buffer.concat([bytes.subarray(0, afterHeader), head, text, bytes.subarray(afterHeader)]);
}
