import type { ReferencePicture } from './provider.ts';

/** The picture as bare base64, without the prefix of a data URI. */
export const toBase64 = async (picture: ReferencePicture): Promise<string> => {
  const bytes = await picture.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
};
