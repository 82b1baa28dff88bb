import { DatabaseSync } from 'node:sqlite';
import { moduleBeside, startThread } from '../../threads/start-thread.ts';
import { compileStatements } from '../compile.ts';
import type { Database, Operation } from '../database.ts';
import { createSqliteConnection } from './sqlite-connection.ts';
import type { WriteRequest, WriteResult, WriterSettings } from './writer-thread.ts';

interface Waiting {
  readonly request: WriteRequest;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens a SQLite file: reads run here on a read-only handle, writes on a thread of their own. Writes that arrive
 * while a commit is in flight share the next one, so that a busy server pays one disk flush for many requests.
 *
 * @throws Error when the file cannot be opened or migrated.
 */
export const openSqliteDatabase = async (settings: {
  readonly file: string;
  /** Modules whose exported operations may be asked for; they are loaded here as well. */
  readonly operationModules: readonly string[];
}): Promise<Database> => {
  const statements = compileStatements('sqlite');
  const threadSettings: WriterSettings = { ...settings, statements };
  const writer = startThread(moduleBeside(import.meta.url, './writer-thread'), threadSettings);
  let waiting: Waiting[] = [];
  let committing: Waiting[] = [];
  let failure: Error | undefined;
  let onIdle: (() => void) | undefined;

  const flush = (): void => {
    if (committing.length > 0) return;
    if (waiting.length === 0) {
      onIdle?.();
      return;
    }
    committing = waiting;
    waiting = [];
    writer.postMessage(committing.map((write) => write.request));
  };
  const settle = (results: readonly WriteResult[]): void => {
    const settled = committing;
    committing = [];
    for (const [index, result] of results.entries()) {
      const write = settled[index];
      if ('error' in result) write?.reject(result.error);
      else write?.resolve(result.result as never);
    }
    flush();
  };

  await new Promise<void>((resolve, reject) => {
    writer.once('message', () => resolve());
    writer.once('error', reject);
  });
  writer.on('message', settle);
  writer.on('error', (error) => {
    failure = error;
    for (const write of [...committing, ...waiting]) write.reject(error);
    committing = [];
    waiting = [];
  });

  const reader = new DatabaseSync(settings.file, { readOnly: true, timeout: 10_000 });
  reader.exec('PRAGMA cache_size = -16000');

  return {
    read: createSqliteConnection(reader, statements),
    write: <Parameters, Result>(operation: Operation<Parameters, Result>, parameters: Parameters) =>
      new Promise<Result>((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        waiting.push({ request: { name: operation.name, parameters }, resolve, reject });
        // NOTE: requests read from the sockets in one turn of the event loop go into one commit.
        if (waiting.length === 1) setImmediate(flush);
      }),
    close: async () => {
      await new Promise<void>((resolve) => {
        onIdle = resolve;
        flush();
      });
      const closed = new Promise<void>((resolve) => writer.once('exit', () => resolve()));
      writer.postMessage('close');
      await closed;
      reader.close();
    },
  };
};
