import type { Secret } from '../core/secret.ts';
import type { UpstreamConnection } from './upstream-client.ts';

/** A service that judges texts as OpenAI's moderation does: https://platform.openai.com/docs/api-reference/moderations */
export interface Moderation {
  /** Host and port. */
  readonly service: string;
  /** Whether the service has anything against the text; throws when it does not say so in time. */
  isFlagged(text: string): Promise<boolean>;
}

/** Where the service is, and how it is asked. */
export interface ModerationSettings {
  readonly url: string;
  readonly apiKey?: Secret;
  /** `model` of the question; absent when the service has but one. */
  readonly model?: string;
  readonly timeoutMs: number;
  /** Speaks to `url`. */
  readonly connection: UpstreamConnection;
}

/** Asks the configured address and no other: no redirect is followed, so the key goes nowhere else. */
export const createModeration = ({
  url,
  apiKey,
  model,
  timeoutMs,
  connection,
}: ModerationSettings): Moderation => ({
  service: new URL(url).host,
  isFlagged: async (text) => {
    const http = connection.forCall({ callId: 'moderation', signal: AbortSignal.timeout(timeoutMs) });
    const { status, json } = await http.exchange({
      method: 'POST',
      path: '',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey.reveal()}` }),
      },
      body: JSON.stringify({ input: text, ...(model !== undefined && { model }) }),
    });
    const { results } = (json ?? {}) as { readonly results?: unknown };
    const verdicts = Array.isArray(results) ? results.map(flagOf) : [];
    if (status !== 200 || verdicts.length === 0 || verdicts.includes(undefined)) {
      throw new Error(`The moderation service answered ${status} without a verdict`);
    }
    return verdicts.includes(true);
  },
});

const flagOf = (result: unknown): boolean | undefined => {
  const { flagged } = (result ?? {}) as { readonly flagged?: unknown };
  return typeof flagged === 'boolean' ? flagged : undefined;
};
