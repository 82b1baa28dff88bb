import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { CommandError } from './command-error.ts';
import { addCompletion } from './completion.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { formatJson, paintFor } from './output.ts';

/** Runs the command of these arguments (without `node` and the script) and answers the exit code; throws nothing. */
export const runCli = async (args: readonly string[], context: CliContext): Promise<number> => {
  let exitCode: number = exitCodes.ok;
  const program = createProgram(context, async (command) => {
    exitCode = await command;
  });
  try {
    await addCompletion(program, args);
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (context.interrupted.aborted) return exitCodes.interrupted;
    return tell(context, error, args.includes('--json'));
  }
};

/** Says on standard error what went wrong; with `--json` as an object. */
const tell = (context: CliContext, error: unknown, isJson: boolean): number => {
  if (error instanceof ConfigError) {
    context.stderr.write(isJson ? formatJson({ error: { faults: error.faults } }) : `${error.message}\n`);
    return exitCodes.usage;
  }
  const code = error instanceof CommandError ? error.code : 'internal_error';
  const said = error instanceof Error ? error.message : String(error);
  const message = [said, adviceOn(code)].filter((part) => part !== undefined).join(' ');
  if (isJson) context.stderr.write(formatJson({ error: { ...(code !== undefined && { code }), message } }));
  else {
    const paint = paintFor(context.stderr, context.env);
    context.stderr.write(`${paint('red', code ?? 'error')}: ${message}\n`);
  }
  return error instanceof CommandError ? error.exitCode : exitCodes.failure;
};

/** What to do about an answer of the server that speaks of headers and not of this command line. */
const adviceOn = (code: string | undefined): string | undefined =>
  code === 'missing_api_key' || code === 'invalid_api_key'
    ? 'Set LIMNER_API_KEY (or LIMNER_API_KEY_FILE) to a key of the server at LIMNER_URL.'
    : undefined;

/** Every command; what a command needs is loaded when it runs. */
const createProgram = (context: CliContext, run: (command: Promise<number>) => Promise<void>): Command => {
  const program = new Command('limner')
    .description('Pictures from Seedream, Jimeng, Kling and DALL·E 3 through one interface.')
    .version(context.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    });

  /** A command that reads the configuration. */
  const configured = (parent: Command, usage: string, description: string): Command =>
    parent
      .command(usage)
      .description(description)
      .option('-c, --config <file>', 'configuration file (default: limner.yaml, if there is one)')
      .option('--data-dir <folder>', 'folder for the database and the pictures');
  /** One that prints something. */
  const printing = (parent: Command, usage: string, description: string): Command =>
    configured(parent, usage, description).option('--json', 'print JSON');

  configured(program, 'serve', 'Serve the HTTP interface and work on tasks.')
    .option('--role <role>', 'what this process does: all, api or worker', 'all')
    .option('--host <host>', 'address to listen on')
    .option('--port <port>', 'port to listen on')
    .option('--log-level <level>', 'how much is logged')
    .action(async (options) => run((await import('./commands/serve.ts')).serve(context, options)));

  printing(
    program,
    'generate <prompt>',
    'Make pictures and save them; against LIMNER_URL, else in this process.',
  )
    .option('-m, --model <model>', 'public model', 'seedream-3.0')
    .option('-s, --size <size>', 'width and height, such as 1024x1792')
    .option('-n, --n <count>', 'how many pictures, 1 to 4')
    .option('-r, --reference <picture>', 'reference picture: a file or a link')
    .option('-o, --output <path>', 'file or folder to save to (default: limner-<task>-<i>.<ext>)')
    .option('--format <format>', 'auto, png, jpeg or webp (default: by the name of --output)')
    .option('--seed <number>', 'the same seed gives the same picture, where the model can')
    .option('--guidance-scale <number>', 'how closely to follow the prompt, 0 to 20')
    .option('--quality <quality>', "one of the model's qualities")
    .option('--style <style>', "one of the model's styles")
    .option('--negative-prompt <text>', 'what not to draw')
    .option('--watermark', "leave the provider's visible mark in")
    .action(async (prompt, options) =>
      run((await import('./commands/generate.ts')).generate(context, prompt, options)),
    );

  const tasks = program.command('tasks').description('Look at tasks and stop them.');
  printing(tasks, 'list', 'List tasks, newest first.')
    .option('--limit <count>', 'how many, at most 100', '20')
    .option('--status <status>', 'pending, processing, completed or failed')
    .option('--model <model>', 'public model')
    .option('--after <task>', 'only tasks older than this one')
    .action(async (options) => run((await import('./commands/tasks.ts')).listTasks(context, options)));
  printing(tasks, 'show <task>', 'Show a task.').action(async (taskId, options) =>
    run((await import('./commands/tasks.ts')).showTask(context, taskId, options)),
  );
  printing(tasks, 'watch <task>', 'Wait until a task has ended, then show it.').action(
    async (taskId, options) => run((await import('./commands/tasks.ts')).watchTask(context, taskId, options)),
  );
  printing(tasks, 'cancel <task>', 'Stop a task.').action(async (taskId, options) =>
    run((await import('./commands/tasks.ts')).cancelTask(context, taskId, options)),
  );

  const keys = program.command('keys').description('Manage API keys.');
  const limiting = (command: Command): Command =>
    command
      .option('--models <models>', 'public models that it may use, parted by commas')
      .option('--requests-per-minute <count>', 'requests of any kind')
      .option('--concurrent-tasks <count>', 'tasks that have not ended')
      .option('--images-per-day <count>', 'pictures in a day of UTC')
      .option('--budget <budget>', 'such as 25USD/month; or /day, /total')
      .option('--expires <date>', 'when it stops working, such as 2027-01-31')
      .option('--allow-ips <ranges>', 'addresses and CIDR ranges, parted by commas');
  limiting(printing(keys, 'create <name>', 'Make a key and print it, this once.'))
    .option('--role <role>', 'user or admin', 'user')
    .action(async (name, options) =>
      run((await import('./commands/keys.ts')).createKey(context, name, options)),
    );
  printing(keys, 'list', 'List keys.').action(async (options) =>
    run((await import('./commands/keys.ts')).listKeys(context, options)),
  );
  limiting(printing(keys, 'update <id>', 'Change what a key may do; none takes a limit away.'))
    .option('--name <name>', 'who or what uses it')
    .action(async (keyId, options) =>
      run((await import('./commands/keys.ts')).updateKey(context, keyId, options)),
    );
  printing(keys, 'rotate <id>', 'Give a key a new secret and print it, this once.')
    .option('--overlap <duration>', 'how long the one before works on', '24h')
    .action(async (keyId, options) =>
      run((await import('./commands/keys.ts')).rotateKey(context, keyId, options)),
    );
  printing(keys, 'revoke <id>', 'Revoke a key for good.').action(async (keyId, options) =>
    run((await import('./commands/keys.ts')).revokeKey(context, keyId, options)),
  );

  const webhooks = program.command('webhooks').description('Manage who is told when tasks have ended.');
  printing(webhooks, 'list', 'List webhook endpoints.').action(async (options) =>
    run((await import('./commands/webhooks.ts')).listEndpoints(context, options)),
  );
  printing(webhooks, 'create <url>', 'Make a webhook endpoint and print its secret, this once.').action(
    async (url, options) =>
      run((await import('./commands/webhooks.ts')).createEndpoint(context, url, options)),
  );
  printing(webhooks, 'delete <endpoint>', 'Delete a webhook endpoint.').action(async (endpointId, options) =>
    run((await import('./commands/webhooks.ts')).deleteEndpoint(context, endpointId, options)),
  );
  printing(webhooks, 'deliveries', 'List what became of events, newest first.')
    .option('--limit <count>', 'how many, at most 100', '20')
    .option('--task <task>', 'only those of this task')
    .option('--state <state>', 'pending, delivered or failed')
    .option('--after <delivery>', 'only deliveries older than this one')
    .action(async (options) =>
      run((await import('./commands/webhooks.ts')).listDeliveries(context, options)),
    );
  printing(webhooks, 'redeliver <delivery>', 'Send an event again.').action(async (deliveryId, options) =>
    run((await import('./commands/webhooks.ts')).redeliver(context, deliveryId, options)),
  );

  printing(program, 'models', 'List the public models.').action(async (options) =>
    run((await import('./commands/models.ts')).models(context, options)),
  );

  const config = program.command('config').description('Look at the configuration.');
  printing(config, 'check', 'Tell every fault of the configuration.').action(async (options) =>
    run((await import('./commands/config.ts')).checkConfig(context, options)),
  );
  printing(config, 'show', 'Print what holds and where it came from, without secrets.').action(
    async (options) => run((await import('./commands/config.ts')).showConfig(context, options)),
  );
  config
    .command('schema')
    .description('Print the JSON Schema of limner.yaml.')
    .action(async () => run((await import('./commands/config.ts')).printSchema(context)));

  printing(program, 'doctor', 'Check database, storage, providers, clocks and addresses.').action(
    async (options) => run((await import('./commands/doctor.ts')).doctor(context, options)),
  );

  const db = program.command('db').description("Look at the database's schema and migrate it.");
  printing(db, 'status', 'Tell which version the schema has and what is pending.').action(async (options) =>
    run((await import('./commands/db.ts')).showStatus(context, options)),
  );
  printing(db, 'migrate', 'Bring the schema up to this version, as a start of the server does.').action(
    async (options) => run((await import('./commands/db.ts')).migrate(context, options)),
  );

  printing(program, 'migrate-data', 'Move the data folder to PostgreSQL, and its pictures to a bucket.')
    .option('--from <database>', 'sqlite: the data folder')
    .option('--to <database>', 'postgres: that of DATABASE_URL')
    .option('--files <store>', 's3: the configured bucket (default: as storage is configured)')
    .action(async (options) =>
      run((await import('./commands/migrate-data.ts')).migrateData(context, options)),
    );

  program
    .command('upstreams')
    .description("Run the emulators of the vendors' APIs.")
    .option('--port-base <port>', 'first port (default: 9301)')
    .option('--latency-ms <ms>', 'how long a picture takes')
    .option('--json', 'print the environment for a server as JSON')
    .action(async (options) => run((await import('./commands/upstreams.ts')).upstreams(context, options)));

  return program;
};
