/** The process: its arguments, environment, streams and signals go to the command line, its exit code comes back. */
import { processEnvironment } from './config/process-environment.ts';

// A report that Node writes of a crash would tell the environment, and with it every secret there.
process.report.excludeEnv = true;

const interruption = new AbortController();
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Who asks twice does not want to wait for the draining.
    if (isInterrupted) process.exit(signal === 'SIGINT' ? 130 : 143);
    isInterrupted = true;
    interruption.abort();
  });
}

const [{ runCli }, { createProgram }, { default: manifest }] = await Promise.all([
  import('./cli/run-cli.ts'),
  import('./main/program.ts'),
  import('../package.json', { with: { type: 'json' } }),
]);

process.exitCode = await runCli(process.argv.slice(2), {
  env: processEnvironment(),
  cwd: process.cwd(),
  version: manifest.version,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interruption.signal,
  program: createProgram(process.stdout),
});
