/** Starts every emulator on fixed ports: `node upstreams/main.ts`, or `limner upstreams`. */
import { parseArgs } from 'node:util';
import { startArkEmulator } from './ark/index.ts';
import type { Emulator } from './emulator.ts';
import { startJimengEmulator } from './jimeng/index.ts';
import { startKlingEmulator } from './kling/index.ts';
import { startOpenAiEmulator } from './openai/index.ts';

export type RunEmulatorsOptions = {
  /** The first port; each emulator has its own offset from it. Default 9301. */
  readonly portBase?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** How long a picture takes, or a range to draw from; default 1 to 2 s. */
  readonly latencyMs?: number | readonly [min: number, max: number];
  /** Images per minute of each model; default the vendor's. */
  readonly imagesPerMinute?: number;
  /** Pads every picture to this many bytes. */
  readonly pictureBytes?: number;
};

/** All emulators at work. */
export type RunningEmulators = AsyncDisposable & {
  readonly emulators: readonly Emulator[];
  /** What a Limner server needs in its environment to use them. */
  readonly environment: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
};

type Settings = Omit<RunEmulatorsOptions, 'portBase'> & { readonly port: number };
type Started = { readonly emulator: Emulator; readonly environment: Readonly<Record<string, string>> };

const DEFAULT_PORT_BASE = 9301;
const DEFAULT_LATENCY_MS = [1000, 2000] as const;

/** The emulators there are; the place in the list is the offset from the first port. */
const EMULATORS: readonly ((settings: Settings) => Promise<Started>)[] = [
  async (settings) => {
    const ark = await startArkEmulator(settings);
    return { emulator: ark, environment: { ARK_BASE_URL: ark.baseUrl, ARK_API_KEY: ark.apiKey } };
  },
  async (settings) => {
    const jimeng = await startJimengEmulator(settings);
    const { accessKeyId, secretAccessKey } = jimeng.account;
    return {
      emulator: jimeng,
      environment: {
        JIMENG_BASE_URL: jimeng.baseUrl,
        VOLC_ACCESS_KEY_ID: accessKeyId,
        VOLC_SECRET_ACCESS_KEY: secretAccessKey,
      },
    };
  },
  async (settings) => {
    const kling = await startKlingEmulator(settings);
    return { emulator: kling, environment: { KLING_BASE_URL: kling.baseUrl, KLING_API_KEY: kling.apiKey } };
  },
  async (settings) => {
    const openai = await startOpenAiEmulator(settings);
    return {
      emulator: openai,
      environment: { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: openai.apiKey },
    };
  },
];

/** Starts them all, or none: a taken port rejects after the others are closed again. */
export async function runEmulators(options: RunEmulatorsOptions = {}): Promise<RunningEmulators> {
  const { portBase = DEFAULT_PORT_BASE, latencyMs = DEFAULT_LATENCY_MS, ...rest } = options;
  const attempts = await Promise.allSettled(
    EMULATORS.map((start, offset) =>
      start({ ...rest, latencyMs, port: portBase === 0 ? 0 : portBase + offset }),
    ),
  );
  const started = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  const emulators = started.map(({ emulator }) => emulator);
  const close = async (): Promise<void> => {
    await Promise.all(emulators.map((emulator) => emulator.close()));
  };
  const failed = attempts.find((attempt) => attempt.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  const environment = {
    ...Object.assign({}, ...started.map((one) => one.environment)),
    LIMNER_FETCH_ALLOW: emulators.map((emulator) => new URL(emulator.origin).host).join(),
  };
  return { emulators, environment, close, [Symbol.asyncDispose]: close };
}

/** The environment as lines for a shell. */
export function exportLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join('');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'port-base': { type: 'string' },
      host: { type: 'string' },
      'latency-ms': { type: 'string' },
      'images-per-minute': { type: 'string' },
      'picture-bytes': { type: 'string' },
    },
  });
  const running = await runEmulators({
    ...numeric('portBase', values['port-base']),
    ...(values.host !== undefined && { host: values.host }),
    ...numeric('latencyMs', values['latency-ms']),
    ...numeric('imagesPerMinute', values['images-per-minute']),
    ...numeric('pictureBytes', values['picture-bytes']),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void running.close());
  for (const { name, origin } of running.emulators) process.stdout.write(`# ${name}: ${origin}/__emulator\n`);
  process.stdout.write(exportLines(running.environment));
}

function numeric<const Name extends string>(name: Name, text: string | undefined): { [K in Name]?: number } {
  if (text === undefined) return {};
  const value = Number(text);
  if (text === '' || Number.isNaN(value) || value < 0) throw new Error(`${name} is a number, not "${text}"`);
  return { [name]: value } as { [K in Name]?: number };
}

if (import.meta.main) await main();
