/** Whether credentials work is asked of each vendor by a call that costs nothing. */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Emulator } from '../../upstreams/emulator.ts';
import { startArkEmulator } from '../../upstreams/ark/index.ts';
import { startJimengEmulator } from '../../upstreams/jimeng/index.ts';
import { startKlingEmulator } from '../../upstreams/kling/index.ts';
import { startOpenAiEmulator } from '../../upstreams/openai/index.ts';
import { Secret } from '../core/secret.ts';
import { AnswerLost, NotSent, ProviderError } from './provider.ts';
import { adapterByName } from './registry.ts';
import { createUpstreamClient, createUpstreamDispatcher } from './upstream-client.ts';

const callId = 'call_01jdzx8w4r0000000000000000';
const dispatcher = createUpstreamDispatcher();
afterAll(() => dispatcher.destroy());

type Settings = Readonly<Record<string, unknown>>;

const tryAt = (name: string, baseUrl: string, settings: Settings, upstreamModel: string) => {
  const unwritten = () => Promise.reject(new Error('A trial brings no picture'));
  const http = createUpstreamClient({ baseUrl, dispatcher, sink: { create: unwritten, remove: unwritten } });
  const { signal } = new AbortController();
  return adapterByName(name).tryCredentials?.(upstreamModel, {
    settings: settings as never,
    http: http.forCall({ callId, signal }),
    callId,
    nowMs: Date.now(),
    signal,
  });
};

interface Case {
  readonly start: () => Promise<{
    readonly emulator: Emulator & { readonly baseUrl: string };
    readonly right: Settings;
  }>;
  readonly wrong: Settings;
  readonly model: string;
}

const wrongKey = new Secret('a-wrong-key-that-nobody-knows');

const cases: Readonly<Record<string, Case>> = {
  ark: {
    start: async () => {
      const emulator = await startArkEmulator();
      return { emulator, right: { api_key: new Secret(emulator.apiKey) } };
    },
    wrong: { api_key: wrongKey },
    model: 'doubao-seedream-5-0-pro-260628',
  },
  jimeng: {
    start: async () => {
      const emulator = await startJimengEmulator();
      const { accessKeyId, secretAccessKey } = emulator.account;
      return {
        emulator,
        right: { access_key_id: new Secret(accessKeyId), secret_access_key: new Secret(secretAccessKey) },
      };
    },
    wrong: { access_key_id: new Secret('AKLTsomebodyElse'), secret_access_key: wrongKey },
    model: 'jimeng_t2i_v40',
  },
  kling: {
    start: async () => {
      const emulator = await startKlingEmulator();
      return { emulator, right: { api_key: new Secret(emulator.apiKey) } };
    },
    wrong: { api_key: wrongKey },
    model: 'kling-v3',
  },
  openai: {
    start: async () => {
      const emulator = await startOpenAiEmulator();
      return { emulator, right: { api_key: new Secret(emulator.apiKey) } };
    },
    wrong: { api_key: wrongKey },
    model: 'gpt-image-2.6-flare',
  },
};

describe.each(Object.entries(cases))('the credentials of %s', (name, { start, wrong, model }) => {
  let emulator: Emulator | undefined;
  afterEach(() => emulator?.close());

  const started = async () => {
    const running = await start();
    emulator = running.emulator;
    return running;
  };

  it('work, by one request and without a charge', async () => {
    const { emulator: vendor, right } = await started();
    await expect(tryAt(name, vendor.baseUrl, right, model)).resolves.toBe('works');
    expect(vendor.requests.all).toHaveLength(1);
    expect(vendor.ledger).toMatchObject({ charges: [], images: 0 });
  });

  it('are refused in a sentence that holds none of them', async () => {
    const { emulator: vendor } = await started();
    const refused = await tryAt(name, vendor.baseUrl, wrong, model)?.catch((fault: unknown) => fault);
    expect(refused).toBeInstanceOf(ProviderError);
    const { failure } = refused as ProviderError;
    expect(failure).toMatchObject({ code: 'provider_auth_failed', account: true, charged: 'no' });
    expect(failure.message).toContain('credentials');
    expect(JSON.stringify(failure)).not.toContain(wrongKey.reveal());
    expect(vendor.ledger.images).toBe(0);
  });

  it('are neither right nor wrong when something else answers, or nobody', async () => {
    const { emulator: vendor, right } = await started();
    vendor.faults.set([{ match: '*', fault: 'html_502', times: 'always' }]);
    await expect(tryAt(name, vendor.baseUrl, right, model)).rejects.toBeInstanceOf(AnswerLost);
    await vendor.close();
    await expect(tryAt(name, vendor.baseUrl, right, model)).rejects.toBeInstanceOf(NotSent);
  });
});

describe('a model that is not open to the account', () => {
  it('is told for Jimeng, which opens them one by one', async () => {
    await using vendor = await startJimengEmulator();
    vendor.account.notActivated.add('jimeng_t2i_v40');
    const { accessKeyId, secretAccessKey } = vendor.account;
    const right = { access_key_id: new Secret(accessKeyId), secret_access_key: new Secret(secretAccessKey) };
    await expect(tryAt('jimeng', vendor.baseUrl, right, 'jimeng_t2i_v40')).rejects.toBeInstanceOf(
      ProviderError,
    );
    await expect(tryAt('jimeng', vendor.baseUrl, right, 'jimeng_t2i_v31')).resolves.toBe('works');
  });
});

describe("Azure's deployments", () => {
  it('are not asked, since no free call is known', async () => {
    const settings = { api_key: wrongKey, api_version: '2025-04-01-preview' };
    await expect(tryAt('openai', 'http://127.0.0.1:9', settings, 'pictures')).resolves.toBe('untried');
  });
});
