import type { ArkEmulator } from '../../upstreams/ark/index.ts';
import type { Emulator } from '../../upstreams/emulator.ts';

/** What a Limner needs in its environment to use this emulator. */
export const arkEnvironment = (ark: ArkEmulator): Readonly<Record<string, string>> => ({
  ARK_BASE_URL: ark.baseUrl,
  ARK_API_KEY: ark.apiKey,
});

/** How often each of these calls was sent to the emulator. */
export const timesSent = (ark: Emulator, callIds: readonly string[]): readonly number[] => {
  const sent = ark.requests.all.map((request) => request.headers['x-client-request-id']);
  return callIds.map((id) => sent.filter((other) => other === id).length);
};
