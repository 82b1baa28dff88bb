import { type ArkEmulator, startArkEmulator } from '../../upstreams/ark/index.ts';
import { type JimengEmulator, startJimengEmulator } from '../../upstreams/jimeng/index.ts';
import { type KlingEmulator, startKlingEmulator } from '../../upstreams/kling/index.ts';
import { type OpenAiEmulator, startOpenAiEmulator } from '../../upstreams/openai/index.ts';
import { arkEnvironment } from './ark.ts';

/** The emulators of all four vendors, for an account that is rich and in a hurry. */
export interface Vendors extends AsyncDisposable {
  readonly ark: ArkEmulator;
  readonly jimeng: JimengEmulator;
  readonly kling: KlingEmulator;
  readonly openai: OpenAiEmulator;
  /** What a Limner needs in its environment to use them. */
  readonly environment: Readonly<Record<string, string>>;
  /** A `limner.yaml` with which it does not wait where these vendors would not. */
  readonly config: string;
}

const jimengCalls = 60;
const klingPictures = 80;

const config = `
providers:
  ark: { concurrency: 8 }
  jimeng: { concurrency: ${jimengCalls}, poll_interval: 100ms }
  kling: { concurrency: ${klingPictures}, poll_interval: 100ms }
  openai: { concurrency: 8 }
`;

/** Starts all four. */
export const startVendors = async (): Promise<Vendors> => {
  const latencyMs = [50, 150] as const;
  const account = { units: Number.MAX_SAFE_INTEGER };
  const ark = await startArkEmulator({ latencyMs, imagesPerMinute: Infinity });
  const jimeng = await startJimengEmulator({ latencyMs, concurrency: jimengCalls, queriesPerSecond: 1_000 });
  const kling = await startKlingEmulator({ latencyMs, concurrency: klingPictures, account });
  const openai = await startOpenAiEmulator({ latencyMs, imagesPerMinute: Infinity });
  return {
    ark,
    jimeng,
    kling,
    openai,
    config,
    environment: {
      ...arkEnvironment(ark),
      JIMENG_BASE_URL: jimeng.baseUrl,
      VOLC_ACCESS_KEY_ID: jimeng.account.accessKeyId,
      VOLC_SECRET_ACCESS_KEY: jimeng.account.secretAccessKey,
      KLING_BASE_URL: kling.baseUrl,
      KLING_API_KEY: kling.apiKey,
      OPENAI_BASE_URL: openai.baseUrl,
      OPENAI_API_KEY: openai.apiKey,
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([ark, jimeng, kling, openai].map((vendor) => vendor.close()));
    },
  };
};
