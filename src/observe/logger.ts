import { type LevelWithSilent, pino, stdTimeFunctions } from 'pino';

/** What the parts log with: one JSON object a line. */
export type Logger = Pick<
  ReturnType<typeof createLogger>,
  'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled'
>;

/** Names that never carry anything fit for a log, wherever they stand in the first three levels of a line. */
const redactedNames = [
  'authorization',
  'cookie',
  'apiKey',
  'api_key',
  'secret',
  'secretAccessKey',
  'secret_access_key',
  'secretKey',
  'secret_key',
  'accessKey',
  'access_key',
  'signature',
  'password',
];

/**
 * A logger that writes JSON lines, to standard output unless told otherwise. At `info` it tells endings of tasks and
 * faults; requests are told at `debug`, since a line for each would cost more than most requests do.
 */
export const createLogger = (settings: {
  readonly level: LevelWithSilent;
  readonly destination?: { write(line: string): void };
}) =>
  pino(
    {
      level: settings.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: redactedNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[secret]',
      },
    },
    settings.destination ?? process.stdout,
  );
