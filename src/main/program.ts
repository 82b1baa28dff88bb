import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../cli/command-error.ts';
import type { KeyStore } from '../access/keys.ts';
import type { App, AppSettings } from '../app.ts';
import type { EmbeddedApp, Program, Terminal } from '../cli/context.ts';
import type { Config } from '../config/config.ts';
import { secretsOf } from '../config/secrets-of.ts';
import { createLogger } from '../observe/logger.ts';

/** Name of the key that commands use which run Limner in their own process. */
const COMMAND_LINE = 'command line';

/** What the command line can do with the program; each part is loaded when it is first needed. */
export const createProgram = (stdout: Terminal): Program => ({
  adapters: async () => (await import('../providers/registry.ts')).adapters,
  serve: (config, stop) => serve(config, stop, stdout),
  embed,
  openKeys: async (config) => {
    const [{ openStores }, { catalogOfConfig }] = await Promise.all([
      import('../app/open-stores.ts'),
      import('../app/offer.ts'),
    ]);
    return { ...(await explaining(openStores(config))), models: catalogOfConfig(config) };
  },
  schemaStatus: async (config) => {
    const { schemaStatus } = await import('../app/schema.ts');
    return explaining(schemaStatus(config));
  },
  migrateSchema: async (config) => {
    const { migrateSchema } = await import('../app/schema.ts');
    return explaining(migrateSchema(config));
  },
  moveData: async (config, order, onMoved) => {
    const [{ moveData }, { systemClock }] = await Promise.all([
      import('../app/move/move-data.ts'),
      import('../observe/system-clock.ts'),
    ]);
    const logger = createLogger({ level: 'fatal' });
    return explaining(moveData(config, order, { clock: systemClock, logger, onMoved }));
  },
  examine: async function* (config) {
    const [{ examine }, { systemClock }] = await Promise.all([
      import('../app/doctor/examine.ts'),
      import('../observe/system-clock.ts'),
    ]);
    yield* examine(config, { clock: systemClock, fetch });
  },
  isFolderHeld: (error) => error instanceof Error && error.name === 'FolderHeld',
});

const serve = async (config: Config, stop: AbortSignal, stdout: Terminal): Promise<void> => {
  const { retirementsOf, retirementWarning } = await import('../providers/retirements.ts');
  const logger = createLogger({ level: config.logLevel, destination: stdout, secrets: secretsOf(config) });
  const app = await startApp({ config, logger });
  try {
    for (const notice of config.notices) logger.warn(notice);
    if (config.isSandboxFallback) {
      logger.warn(
        'no provider is configured: every model is served by the sandbox, which draws by itself, without any AI',
      );
    }
    for (const retirement of app.parts.models.list().flatMap(retirementsOf)) {
      logger.warn(retirementWarning(retirement));
    }
    const firstKey = await prepareKeys(app.keys, config);
    const url = await app.listen().catch((error: unknown) => {
      throw cannotListen(error, config);
    });
    if (firstKey !== undefined) stdout.write(`API key, shown this once: ${firstKey}\n`);
    logger.info({ url, dataDir: config.dataDir }, 'listening');
    await aborted(stop);
    logger.info('stopping');
  } finally {
    await app.close();
  }
};

const startApp = async (settings: AppSettings): Promise<App> => {
  const { createApp } = await import('../app.ts');
  return explaining(createApp(settings));
};

/** Tells faults that are not Limner's in a sentence. */
const explaining = <Result>(work: Promise<Result>): Promise<Result> =>
  work.catch(async (fault: unknown) => {
    const { explain } = await import('../app/explain.ts');
    const sentence = explain(fault);
    throw sentence === undefined ? fault : new CommandError(sentence, { cause: fault });
  });

/** What to do about an address that cannot be listened on. */
const cannotListen = (error: unknown, { server }: Config): unknown => {
  const address = `${server.host}:${server.port}`;
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `Another program listens on ${address}. Stop it, or set LIMNER_PORT to a free port.`,
    EADDRNOTAVAIL: `This machine has no address ${server.host}. Set LIMNER_HOST to one that it has.`,
    ENOTFOUND: `This machine has no address ${server.host}. Set LIMNER_HOST to one that it has.`,
    EACCES: `The system does not allow listening on ${address}. Set LIMNER_PORT to 1024 or more.`,
  };
  const message = advice[(error as NodeJS.ErrnoException).code ?? ''];
  return message === undefined ? error : new CommandError(message, { cause: error });
};

/** Makes sure that somebody can get in; the answer is a key that was made for that. */
const prepareKeys = async (keys: KeyStore, config: Config): Promise<string | undefined> => {
  if (config.apiKey !== undefined) {
    await keys.ensureBootstrap(config.apiKey.reveal());
    return undefined;
  }
  const known = await keys.list();
  if (known.some((key) => key.name !== COMMAND_LINE && key.revokedAtMs === undefined)) return undefined;
  return (await keys.create({ name: 'first key', role: 'admin' }, { name: 'first start' })).secret;
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

const embed = async (config: Config): Promise<EmbeddedApp> => {
  // The command tells what happens to its own task; the log is for what nobody expects.
  const logger = createLogger({ level: 'fatal' });
  const app = await startApp({ config, logger });
  try {
    return {
      apiKey: await commandLineKey(app.keys, config),
      fetch: (request) => inject(app, request),
      close: () => app.close(),
    };
  } catch (error) {
    await app.close();
    throw error;
  }
};

/** The key of `LIMNER_API_KEY`, else one that lies in the data folder for later commands. */
const commandLineKey = async (keys: KeyStore, config: Config): Promise<string> => {
  if (config.apiKey !== undefined) {
    await keys.ensureBootstrap(config.apiKey.reveal());
    return config.apiKey.reveal();
  }
  const file = join(config.dataDir, 'command-line-key');
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (kept !== undefined && (await keys.authenticate(kept)) !== undefined) return kept;
  const { secret } = await keys.create({ name: COMMAND_LINE, role: 'admin' }, { name: COMMAND_LINE });
  await writeFile(file, secret, { mode: 0o600 });
  return secret;
};

/** Hands a request to the server without a port. */
const inject = async (app: App, request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url);
  const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
  const answer = await app.server.inject({
    method: request.method as 'GET' | 'POST' | 'DELETE',
    url: pathname + search,
    headers: Object.fromEntries(request.headers),
    ...(body !== undefined && { payload: body }),
    signal: request.signal,
  });
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, String(one));
  }
  const isEmpty = answer.statusCode === 204 || answer.statusCode === 304;
  return new Response(isEmpty ? null : new Uint8Array(answer.rawPayload), {
    status: answer.statusCode,
    headers,
  });
};
