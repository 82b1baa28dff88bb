import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyFileStream, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import { LimnerError } from '../../core/errors.ts';
import { requestLimits } from '../../core/request.ts';
import { referenceLimits } from '../../images/reference.ts';
import type { SpoolFile } from '../../images/spool.ts';

/** A picture that a form carried, on its way to the disk. */
export interface Upload {
  readonly file: SpoolFile;
  /** Of its bytes, in hexadecimal. */
  readonly sha256: string;
}

/** A form, read to its end. */
export interface Form {
  /** Its texts; of several with one name the last. */
  readonly fields: Readonly<Record<string, string>>;
  readonly upload?: Upload;
  /** Names of files that were not looked at. */
  readonly ignored: readonly string[];
}

/** Far more parts than any client sends. */
const limits = {
  fileSize: referenceLimits.bytes,
  fieldSize: 1024 * 1024,
  fields: 100,
  files: 32,
  parts: 132,
};

/**
 * Reads `multipart/form-data`, parts in any order. The one picture is written to the spool while it arrives: whatever its
 * media type claims, its content is looked at later. Throws `invalid_parameter` and `payload_too_large`; the file is
 * given up then.
 */
export const readForm = async (
  payload: Readable,
  headers: IncomingHttpHeaders,
  createFile: () => Promise<SpoolFile>,
): Promise<Form> => {
  const parser = createParser(headers);
  const fields: Record<string, string> = {};
  const ignored: string[] = [];
  const uploads: { readonly part: BusboyFileStream; readonly saving: Promise<Upload> }[] = [];
  const { promise: trouble, reject } = Promise.withResolvers<never>();
  // Whoever waits for the form hears of it; when nobody does any more, nobody has to.
  trouble.catch(() => {});

  parser.on('error', (fault) => reject(unreadable(fault)));
  parser.on('field', (name, value, _isNameCut, isCut) => {
    if (isCut) reject(tooLarge(`\`${name}\` is longer than ${limits.fieldSize} bytes.`, name));
    else fields[name] = value;
  });
  parser.on('file', (name, part) => {
    // A form that is cut short ends its part so, also while nobody is reading it yet.
    part.on('error', (fault) => part.destroy(fault));
    if (!isPicture(name)) {
      // A part may lack its name, whatever the types of the parser say.
      ignored.push(`${name}`);
      part.resume();
    } else if (uploads.length > 0) {
      part.resume();
      reject(onePictureOnly());
    } else {
      const saving = save(part, createFile);
      saving.catch(reject);
      uploads.push({ part, saving });
    }
  });

  try {
    await Promise.race([trouble, feed(parser, payload)]);
    const upload = await Promise.race([trouble, uploads[0]?.saving]);
    return { fields, ignored, ...(upload !== undefined && { upload }) };
  } catch (fault) {
    for (const { part, saving } of uploads) {
      part.destroy(new Error('The form is given up'));
      await saving.then(
        ({ file }) => file.discard(),
        () => undefined,
      );
    }
    throw fault;
  }
};

/** What the caller hears who sends several pictures. */
export const onePictureOnly = (): LimnerError =>
  new LimnerError(
    'invalid_parameter',
    'Send one `image`: the models here take one reference picture, and leaving the others out would not give what you asked for.',
    { param: 'image' },
  );

const createParser = (headers: IncomingHttpHeaders): BusboyInstance => {
  try {
    return new Busboy({
      headers: headers as BusboyHeaders,
      limits,
      isPartAFile: (_name, type, filename) => filename !== undefined || type !== 'text/plain',
    });
  } catch (fault) {
    throw unreadable(fault);
  }
};

const isPicture = (name: string): boolean => /^images?(?:\[\d*\])?$/.test(name);

/** Passes the body on to the parser, not faster than it is taken. */
const feed = async (parser: BusboyInstance, payload: Readable): Promise<void> => {
  let bytes = 0;
  try {
    // The connection is to stay: somebody has to hear what was wrong.
    for await (const chunk of payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > requestLimits.bodyBytes) {
        throw tooLarge(`The body is larger than ${requestLimits.bodyBytes / 1024 / 1024} MB.`);
      }
      if (!parser.write(chunk)) await once(parser, 'drain');
    }
    const finished = once(parser, 'finish');
    parser.end();
    await finished;
  } catch (fault) {
    throw fault instanceof LimnerError ? fault : unreadable(fault);
  }
};

/** Writes a picture to the disk while it arrives. */
const save = async (part: BusboyFileStream, createFile: () => Promise<SpoolFile>): Promise<Upload> => {
  const hash = createHash('sha256');
  const file = await createFile();
  try {
    for await (const chunk of readable(part)) {
      hash.update(chunk);
      await file.write(chunk);
    }
    if (part.truncated) {
      throw tooLarge(`The picture is larger than ${limits.fileSize / 1024 / 1024} MB.`, 'image');
    }
    if (part.bytesRead === 0) {
      throw new LimnerError('invalid_parameter', '`image` is an empty file.', { param: 'image' });
    }
  } catch (fault) {
    await file.discard();
    throw fault;
  }
  return { file, sha256: hash.digest('hex') };
};

/** The chunks of a part; what goes wrong with them is about the form and not about the disk. */
async function* readable(part: BusboyFileStream): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* part as AsyncIterable<Buffer>;
  } catch (fault) {
    throw unreadable(fault);
  }
}

const unreadable = (cause: unknown): LimnerError =>
  new LimnerError('invalid_parameter', 'The body is not a whole multipart form.', { cause });

const tooLarge = (detail: string, param?: string): LimnerError =>
  new LimnerError('payload_too_large', detail, { param });
