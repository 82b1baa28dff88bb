import { randomBytes } from 'node:crypto';
import type { Config, ProviderConfig } from '../../config/config.ts';
import { credentialVariable } from '../../config/environment.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import { newId } from '../../core/ids.ts';
import { Secret } from '../../core/secret.ts';
import { AnswerLost, NotSent, ProviderError, type UpstreamClient } from '../../providers/provider.ts';
import { discreet } from '../../providers/discreet.ts';
import { adapterByName } from '../../providers/registry.ts';
import { createUpstreamClient, createUpstreamDispatcher } from '../../providers/upstream-client.ts';
import type { ClockReadings } from './clock-readings.ts';

/** Longer than an answer takes that draws nothing. */
const PATIENCE_MS = 15_000;

const noPictures = () => Promise.reject(new Error('A trial brings no picture'));

/** Where the credentials of a provider are set, in words. */
const placesOf = ({ name, settings }: ProviderConfig): string =>
  Object.entries(settings)
    .filter(([, value]) => value instanceof Secret)
    .map(([key]) => {
      const variable = credentialVariable(name, key);
      return variable === undefined ? `providers.${name}.${key}` : `${variable} (providers.${name}.${key})`;
    })
    .join(' and ');

const refusalOf = (check: string, provider: ProviderConfig, { failure }: ProviderError): Finding => {
  const { upstream } = failure;
  const code = upstream?.code === undefined ? '' : ` (${upstream.code})`;
  const message = `${failure.message}${code}`;
  if (failure.code === 'provider_auth_failed') {
    return {
      check,
      state: 'fault',
      message,
      remedy: `Correct ${placesOf(provider)}, and see that the key belongs to ${provider.baseUrl}: keys hold for one site or region.`,
    };
  }
  if (failure.retryable) return { check, state: 'warning', message, remedy: 'Try again in a moment.' };
  return {
    check,
    state: 'fault',
    message,
    remedy: `See the console of the vendor, and base_url (${provider.baseUrl}).`,
  };
};

const ofFault = (check: string, provider: ProviderConfig, fault: unknown): Finding => {
  if (fault instanceof ProviderError) return refusalOf(check, provider, fault);
  if (fault instanceof NotSent) {
    return {
      check,
      state: 'fault',
      message: `${provider.baseUrl} cannot be reached: ${fault.message}.`,
      remedy: `See base_url of the provider ${provider.name}, and whether this machine may reach it.`,
    };
  }
  if (fault instanceof AnswerLost) {
    return {
      check,
      state: 'warning',
      message: `${provider.baseUrl} told neither that the credentials work nor that they do not: ${fault.message}.`,
      remedy: 'A server that only speaks like the vendor may lack this call; else see base_url.',
    };
  }
  throw fault;
};

/** The upstream models that this provider is asked for. */
const modelsOf = ({ models }: Config, name: string): readonly string[] =>
  models.flatMap(({ routes }) =>
    routes.filter(({ provider }) => provider === name).map(({ upstreamModel }) => upstreamModel),
  );

const checkProvider = async (
  config: Config,
  provider: ProviderConfig,
  { clock, clocks }: { readonly clock: Clock; readonly clocks: ClockReadings },
): Promise<readonly Finding[]> => {
  const check = `provider ${provider.name}`;
  const adapter = discreet(adapterByName(provider.adapterName), provider.settings);
  const { baseUrl } = provider;
  if (baseUrl === undefined) return [];
  const [upstreamModel] = modelsOf(config, provider.name);
  if (upstreamModel === undefined) {
    const message = 'It is configured, and no model is routed to it.';
    return [
      { check, state: 'warning', message, remedy: 'Name it in models.<name>.routes, or leave it out.' },
    ];
  }
  const untried: Finding = {
    check,
    state: 'warning',
    message: 'Its credentials were not tried: no call is known here that costs nothing.',
    remedy: 'Make one picture with it.',
  };
  if (adapter.tryCredentials === undefined) return [untried];

  const dispatcher = createUpstreamDispatcher();
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const callId = newId('call', clock.nowMs(), randomBytes);
  const client = createUpstreamClient({
    baseUrl,
    dispatcher,
    sink: { create: noPictures, remove: noPictures },
  }).forCall({ callId, signal });
  /** The vendor's clock comes with its answer. */
  const http: UpstreamClient = {
    baseUrl: client.baseUrl,
    exchange: async (request) => {
      const fromMs = clock.nowMs();
      const answer = await client.exchange(request);
      clocks.addDate(new URL(baseUrl).host, answer.headers['date'], { fromMs, untilMs: clock.nowMs() });
      return answer;
    },
  };
  try {
    const settings = provider.settings as never;
    const trial = await adapter.tryCredentials(upstreamModel, {
      settings,
      http,
      callId,
      nowMs: clock.nowMs(),
      signal,
    });
    if (trial === 'untried') return [untried];
    return [{ check, state: 'ok', message: `${new URL(baseUrl).host} takes the credentials.` }];
  } catch (fault) {
    return [ofFault(check, provider, fault)];
  } finally {
    await dispatcher.destroy();
  }
};

/** Whether each provider takes the credentials, asked by a call that costs nothing. */
export const checkProviders = async (
  config: Config,
  parts: { readonly clock: Clock; readonly clocks: ClockReadings },
): Promise<readonly Finding[]> => {
  const found = await Promise.all(config.providers.map((provider) => checkProvider(config, provider, parts)));
  if (!config.isSandboxFallback) return found.flat();
  return [
    {
      check: 'providers',
      state: 'warning',
      message: 'No provider is configured: every model is served by the sandbox, which draws by itself.',
      remedy: 'Set the credentials of a vendor, such as ARK_API_KEY; docs/providers/ has all of them.',
    },
  ];
};
