import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { verifyWebhook, WebhookInvalid } from './webhooks.ts';

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const atMs = 1_767_225_600_000;
const body = JSON.stringify({
  type: 'task.completed',
  timestamp: '2026-01-01T00:00:00Z',
  data: { prompt: '狐狸' },
});
const headers = {
  'webhook-id': 'dlv_1',
  'webhook-timestamp': String(atMs / 1000),
  'webhook-signature': new Webhook(secret).sign('dlv_1', new Date(atMs), body),
};
const options = { nowMs: atMs + 1_000 };

describe('a webhook', () => {
  test('that the server signed is its event, whatever holds the headers', async () => {
    expect(await verifyWebhook({ body, headers }, secret, options)).toMatchObject({ type: 'task.completed' });
    expect(await verifyWebhook({ body, headers: new Headers(headers) }, secret, options)).toMatchObject({
      data: { prompt: '狐狸' },
    });
  });

  test('with two signatures is taken by either secret', async () => {
    const older = `whsec_${Buffer.from('another secret of long ago......').toString('base64')}`;
    const both = `${new Webhook(older).sign('dlv_1', new Date(atMs), body)} ${headers['webhook-signature']}`;
    const given = { body, headers: { ...headers, 'webhook-signature': both } };
    expect(await verifyWebhook(given, secret, options)).toMatchObject({ type: 'task.completed' });
    expect(await verifyWebhook(given, older, options)).toMatchObject({ type: 'task.completed' });
  });

  test.each([
    ['changed on the way', { body: body.replace('completed', 'failed'), headers }, options],
    ['under another id', { body, headers: { ...headers, 'webhook-id': 'dlv_2' } }, options],
    ['without a signature', { body, headers: { ...headers, 'webhook-signature': undefined } }, options],
    [
      'with a signature that is no base64',
      { body, headers: { ...headers, 'webhook-signature': 'v1,§' } },
      options,
    ],
    ['of six minutes ago', { body, headers }, { nowMs: atMs + 360_000 }],
    ['of the future', { body, headers }, { nowMs: atMs - 360_000 }],
    ['of no time', { body, headers: { ...headers, 'webhook-timestamp': 'now' } }, options],
  ])('%s is refused', async (_case, given, verify) => {
    await expect(verifyWebhook(given, secret, verify)).rejects.toThrow(WebhookInvalid);
  });
});
