import { type LevelWithSilent, pino, stdTimeFunctions } from 'pino';
import type { Secret } from '../core/secret.ts';

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

/** Shorter texts are part of too many others. */
const MIN_SECRET_CHARACTERS = 6;

/** Writes lines in which none of these secrets stands, wherever it came from: an upstream's words, a driver's error. */
const withoutSecrets = (destination: Destination, secrets: readonly Secret[]): Destination => {
  // As they stand in a line of JSON.
  const texts = secrets
    .map((secret) => JSON.stringify(secret.reveal()).slice(1, -1))
    .filter((text) => text.length >= MIN_SECRET_CHARACTERS);
  return texts.length === 0
    ? destination
    : {
        write: (line) => {
          destination.write(texts.reduce((safe, text) => safe.replaceAll(text, '[secret]'), line));
        },
      };
};

interface Destination {
  write(line: string): unknown;
}

/**
 * A logger that writes JSON lines, to standard output unless told otherwise. At `info` it tells endings of tasks and
 * faults; requests are told at `debug`, since a line for each would cost more than most requests do.
 */
export const createLogger = (settings: {
  readonly level: LevelWithSilent;
  readonly destination?: { write(line: string): void };
  /** What no line may hold. */
  readonly secrets?: readonly Secret[];
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
    withoutSecrets(settings.destination ?? process.stdout, settings.secrets ?? []),
  );
