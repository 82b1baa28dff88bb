/** A file of a form. */
export interface FormFile {
  readonly field: string;
  readonly fileName: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/**
 * The body of a `multipart/form-data` request (RFC 7578) with these fields and one file. Field and file names are
 * plain words of ours; the values are anything but the boundary.
 */
export const toMultipart = (
  fields: Readonly<Record<string, string>>,
  file: FormFile,
  boundary: string,
): Uint8Array => {
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head =
    `--${boundary}\r\ncontent-disposition: form-data; name="${file.field}"; filename="${file.fileName}"\r\n` +
    `content-type: ${file.mediaType}\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(texts.join('') + head),
    file.bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
};
