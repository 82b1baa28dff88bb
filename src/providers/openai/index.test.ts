import sharp from 'sharp';
import { startOpenAiEmulator } from '../../../upstreams/openai/index.ts';
import { Secret } from '../../core/secret.ts';
import { describeProvider } from '../contract/provider.contract.ts';
import type { ProviderSubject } from '../contract/provider.contract.ts';
import { openai } from './index.ts';

const key = 'sk-a-key-that-nobody-may-see';
const callId = 'call_01jdzx8w4r0000000000000000';
const flare = 'gpt-image-2.6-flare';
const prompt = 'A lighthouse at dusk';
const headers = {
  authorization: 'Bearer [secret]',
  'content-type': 'application/json',
  'x-client-request-id': callId,
};
const sent = (body: Record<string, unknown>) => ({
  method: 'POST',
  path: '/v1/images/generations',
  headers,
  body: { prompt, n: 1, ...body },
});

const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#4682b4' } })
  .png()
  .toBuffer();
const reference = { format: 'png', width: 16, height: 16, bytes: async () => picture } as const;
/** What of a form is neither the picture nor a value: `request.test.ts` reads it part by part. */
const form = (fields: Record<string, string>): string => {
  const line = `--limner-${callId}\r\n`;
  const names = Object.entries(fields).map(
    ([name, value]) => `${line}content-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const file = `${line}content-disposition: form-data; name="image"; filename="reference.png"\r\ncontent-type: image/png\r\n\r\n`;
  const bytes = `${names.join('')}${file}\r\n--limner-${callId}--\r\n`.length + picture.length;
  return `[multipart/form-data, ${bytes} bytes]`;
};

const skips: ProviderSubject['skips'] = {
  'keeps a seed of 0': 'no model has a seed',
  'goes on from its handle after JSON and in a fresh adapter': 'OpenAI answers at once and has no handles',
  'takes an unknown upstream status for running': 'OpenAI answers at once and has no statuses',
  'makes a call once for one call id': 'OpenAI keeps no call ids: a lost answer is ambiguous',
};

/** The day of the sheet: the models that leave in December still work. */
const now = () => Date.UTC(2026, 10, 22);

const common = {
  createAdapter: () => openai,
  secrets: [key],
} as const;
const faults = {
  refusal: { fault: 'moderation_input' },
  rateLimit: { fault: 'rate_limited', retryAfter: 7 },
  failure: { fault: 'generation_failed' },
  empty: { fault: 'empty_data' },
  fewer: { fault: 'fewer_images' },
} as const;

describeProvider('openai', {
  ...common,
  settings: { api_key: new Secret(key) },
  upstream: {
    ...faults,
    start: () => startOpenAiEmulator({ apiKey: key, now }),
    // Pictures always come inside the answer.
    inline: { fault: 'missing_usage' },
  },
  models: [flare, 'gpt-image-2', 'gpt-image-1.5'],
  exchanges: [
    { name: '2.6', model: flare, sent: sent({ model: flare, size: '1024x1024', quality: 'medium' }) },
    {
      name: '2.6 with everything that it knows, in the words of DALL·E',
      model: flare,
      request: { n: 3, size: { width: 1792, height: 1024 }, outputFormat: 'webp', quality: 'hd', seed: 7 },
      sent: sent({ model: flare, n: 3, size: '1792x1024', quality: 'high', output_format: 'webp' }),
    },
    {
      name: '1.5, which has three sizes',
      model: 'gpt-image-1.5',
      request: { size: { width: 1792, height: 1024 }, quality: 'low', style: 'vivid' },
      sent: sent({ model: 'gpt-image-1.5', size: '1536x1024', quality: 'low' }),
    },
    {
      name: '2.6 with a reference',
      model: flare,
      reference,
      sent: {
        method: 'POST',
        path: '/v1/images/edits',
        headers: { ...headers, 'content-type': `multipart/form-data; boundary=limner-${callId}` },
        body: form({ model: flare, prompt, n: '1', size: '1024x1024', quality: 'medium' }),
      },
    },
  ],
  skips,
});

describeProvider('openai, in the dialect of DALL·E', {
  ...common,
  settings: { api_key: new Secret(key) },
  upstream: {
    ...faults,
    refusal: { fault: 'content_policy' },
    failure: { fault: 'internal_error' },
    start: () => startOpenAiEmulator({ apiKey: key, profile: 'dalle3-legacy', now }),
  },
  models: ['dall-e-3', 'dall-e-2'],
  exchanges: [
    {
      name: 'DALL·E 3',
      model: 'dall-e-3',
      request: { n: 2, size: { width: 1024, height: 1792 }, quality: 'hd', style: 'natural' },
      sent: sent({
        model: 'dall-e-3',
        size: '1024x1792',
        quality: 'hd',
        style: 'natural',
        response_format: 'url',
      }),
    },
    {
      name: 'DALL·E 2',
      model: 'dall-e-2',
      request: { n: 2, size: { width: 64, height: 64 } },
      sent: sent({ model: 'dall-e-2', n: 2, size: '256x256', response_format: 'url' }),
    },
  ],
  skips: {
    ...skips,
    'delivers what there is of a call that made fewer pictures': 'a call makes one picture',
    'spools a picture that comes inside the answer': 'these models are asked for links',
    'takes a reference picture': 'these models take none',
  },
});

describeProvider('openai, at Azure', {
  ...common,
  settings: { api_key: new Secret(key), api_version: '2025-04-01-preview' },
  upstream: {
    ...faults,
    refusal: { fault: 'azure_responsible_ai' },
    rateLimit: { fault: 'azure_429', retryAfter: 7 },
    start: async () => {
      const azure = await startOpenAiEmulator({
        apiKey: key,
        profile: 'azure',
        deployments: { 'our-gpt-image-2': 'gpt-image-2', 'our dall-e-3': 'dall-e-3' },
        now,
      });
      return { ...azure, baseUrl: azure.origin };
    },
    inline: { fault: 'missing_usage' },
  },
  models: ['our-gpt-image-2', 'our dall-e-3'],
  exchanges: [
    {
      name: 'a deployment of a GPT model, which draws no WebP',
      model: 'our-gpt-image-2',
      request: { outputFormat: 'webp' },
      sent: {
        method: 'POST',
        path: '/openai/deployments/our-gpt-image-2/images/generations?api-version=2025-04-01-preview',
        headers: { 'api-key': '[secret]', 'content-type': 'application/json', 'x-client-request-id': callId },
        body: { prompt, n: 1, size: '1024x1024', quality: 'medium' },
      },
    },
    {
      name: 'a deployment of DALL·E 3',
      model: 'our dall-e-3',
      sent: {
        method: 'POST',
        path: '/openai/deployments/our%20dall-e-3/images/generations?api-version=2025-04-01-preview',
        headers: { 'api-key': '[secret]', 'content-type': 'application/json', 'x-client-request-id': callId },
        body: { prompt, n: 1, size: '1024x1024', response_format: 'url' },
      },
    },
  ],
  skips,
});
