import { expect, test } from 'vitest';
import { Secret } from '../core/secret.ts';
import { discreet } from './discreet.ts';
import { type Adapter, type AdapterContext, ProviderError } from './provider.ts';

const failure = {
  code: 'provider_rejected_request',
  message: 'It said: “planted-1 is wrong”',
  charged: 'no',
  retryable: false,
  upstream: { status: 400, code: 'bad planted-1', requestId: `planted-2\r\n${'x'.repeat(500)}` },
} as const;

const talkative: Adapter = {
  name: 'talkative',
  settingsSchema: {},
  resend: 'ambiguous',
  cards: [],
  card: () => {
    throw new Error('None');
  },
  send: () => Promise.reject(new ProviderError(failure)),
  check: () => Promise.resolve({ state: 'failed', failure }),
};

test('no failure holds a credential, whatever the upstream hands back', async () => {
  const settings = { key: new Secret('planted-1'), other: new Secret('planted-2'), region: 'eu' };
  const adapter = discreet(talkative, settings);
  const context = {} as AdapterContext<never>;
  const hidden = {
    ...failure,
    message: 'It said: “… is wrong”',
    upstream: { status: 400, code: 'bad …', requestId: `…${'x'.repeat(127)}` },
  };
  await expect(adapter.send({} as never, context)).rejects.toMatchObject({
    failure: hidden,
    message: `${failure.code}: ${hidden.message}`,
  });
  expect(await adapter.check?.(null, context)).toEqual({ state: 'failed', failure: hidden });
});
