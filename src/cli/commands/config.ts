import { configOf } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, formatTable, paintFor } from '../output.ts';

/** Options of every `limner config` command. */
export interface ConfigOptions {
  readonly json?: boolean;
  readonly config?: string;
  readonly dataDir?: string;
}

/** Reads the configuration as `serve` would and tells every fault. */
export const checkConfig = async (context: CliContext, options: ConfigOptions): Promise<number> => {
  const config = await configOf(context, options);
  if (options.json) {
    context.stdout.write(formatJson({ ok: true, notices: config.notices }));
    return exitCodes.ok;
  }
  for (const notice of config.notices) context.stdout.write(`Note: ${notice}.\n`);
  context.stdout.write('The configuration is in order.\n');
  return exitCodes.ok;
};

/** Prints every setting as it holds and where it came from; never a secret. */
export const showConfig = async (context: CliContext, options: ConfigOptions): Promise<number> => {
  const [config, { describeConfig }] = await Promise.all([
    configOf(context, options),
    import('../../config/describe-config.ts'),
  ]);
  const settings = describeConfig(config);
  if (options.json) {
    context.stdout.write(formatJson(settings));
    return exitCodes.ok;
  }
  const rows = settings.map(({ key, value, from }) => [key, value, from]);
  context.stdout.write(formatTable(['KEY', 'VALUE', 'FROM'], rows, paintFor(context.stdout, context.env)));
  return exitCodes.ok;
};

/** Prints the JSON Schema of `limner.yaml`. */
export const printSchema = async (context: CliContext): Promise<number> => {
  const { configJsonSchema } = await import('../../config/schema.ts');
  context.stdout.write(formatJson(configJsonSchema(await context.program.adapters())));
  return exitCodes.ok;
};
