import { withClient } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatJson, formatTable, paintFor } from '../output.ts';

/** Lists the public models and whether they are served now. */
export const models = async (
  context: CliContext,
  options: { readonly json?: boolean; readonly config?: string; readonly dataDir?: string },
): Promise<number> => {
  const list = await withClient(context, options, (client) => client.listModels());
  if (options.json) {
    context.stdout.write(formatJson(list));
    return exitCodes.ok;
  }
  const paint = paintFor(context.stdout, context.env);
  const rows = list.data.map((model) => [model.id, model.available === false ? 'no' : 'yes']);
  context.stdout.write(formatTable(['MODEL', 'AVAILABLE'], rows, paint));
  return exitCodes.ok;
};
