import { createEnvironmentReader } from '../config/environment.ts';
import { loadConfig } from '../config/load-config.ts';
import type { Config } from '../config/config.ts';
import type { ConfigFlags } from '../config/layers.ts';
import type { NodeRole } from '../core/node-role.ts';
import type { ApiClient } from './api-client.ts';
import { CommandError, usageError } from './command-error.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** The configuration of this installation; throws a `ConfigError`. */
export const configOf = async (
  context: CliContext,
  flags: ConfigFlags,
  role: NodeRole = 'all',
): Promise<Config> =>
  loadConfig({ env: context.env, cwd: context.cwd, flags, role, adapters: await context.program.adapters() });

/** The address and key of `LIMNER_URL` and `LIMNER_API_KEY`; `undefined` without an address. */
export const remoteOf = async (
  context: CliContext,
): Promise<{ readonly url: string; readonly apiKey: string | undefined } | undefined> => {
  const { readFileSync } = await import('node:fs');
  const environment = createEnvironmentReader(
    context.env,
    (path) => readFileSync(path, 'utf8'),
    (name, message) => {
      throw usageError(`${name} ${message}.`);
    },
  );
  const url = environment.get('LIMNER_URL');
  if (url === undefined) return undefined;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw usageError(
      `LIMNER_URL wants an address such as http://127.0.0.1:8787, not ${JSON.stringify(url)}.`,
    );
  }
  return { url, apiKey: environment.getSecret('LIMNER_API_KEY') };
};

/** Works with the server of `LIMNER_URL`, or else with Limner inside this process. */
export const withClient = async <Result>(
  context: CliContext,
  flags: ConfigFlags,
  work: (client: ApiClient) => Promise<Result>,
): Promise<Result> => {
  const remote = await remoteOf(context);
  if (remote !== undefined) {
    const { createRemoteClient } = await import('./remote-client.ts');
    return work(createRemoteClient(remote));
  }
  const config = await configOf(context, flags);
  const app = await holding(context, () => context.program.embed(config));
  try {
    const { createEmbeddedClient } = await import('./embedded-client.ts');
    return await work(createEmbeddedClient(app));
  } finally {
    await app.close();
  }
};

/** Opens what needs the data folder for itself; another process that has it is a `CommandError` of its own. */
export const holding = async <Result>(context: CliContext, open: () => Promise<Result>): Promise<Result> => {
  try {
    return await open();
  } catch (error) {
    if (!context.program.isFolderHeld(error)) throw error;
    throw new CommandError((error as Error).message, { exitCode: exitCodes.folderHeld, cause: error });
  }
};
