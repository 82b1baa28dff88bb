import sharp from 'sharp';
import { startArkEmulator } from '../../../upstreams/ark/index.ts';
import { Secret } from '../../core/secret.ts';
import { describeProvider } from '../contract/provider.contract.ts';
import { ark } from './index.ts';

const key = 'a-key-that-nobody-may-see';
const pro = 'doubao-seedream-5-0-pro-260628';
const headers = {
  authorization: 'Bearer [secret]',
  'content-type': 'application/json',
  'x-client-request-id': 'call_01jdzx8w4r0000000000000000',
};
const sent = (body: Record<string, unknown>) => ({
  method: 'POST',
  path: '/api/v3/images/generations',
  headers,
  body: { response_format: 'url', watermark: false, prompt: 'A lighthouse at dusk', ...body },
});

/** Small enough for the emulator's log to show it whole. */
const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#4682b4' } })
  .png()
  .toBuffer();
const reference = { format: 'png', width: 16, height: 16, bytes: async () => picture } as const;
const image = `data:image/png;base64,${picture.toString('base64')}`;

describeProvider('ark', {
  createAdapter: () => ark,
  settings: { api_key: new Secret(key) },
  secrets: [key],
  upstream: {
    // Retired models still tell what the adapter sends for them.
    start: () => startArkEmulator({ apiKey: key, account: { retired: new Set() } }),
    refusal: { fault: 'mod_in' },
    rateLimit: { fault: 'rate_limited_ipm', retryAfter: 7 },
    failure: { fault: 'internal_error' },
    empty: { fault: 'fewer_images' },
    inline: { fault: 'b64_always' },
  },
  models: [pro, 'doubao-seedream-3-0-t2i-250415', 'seedream-5-0-lite-260128', 'seedream-4-0-20260415'],
  exchanges: [
    { name: '5.0 pro', model: pro, sent: sent({ model: pro, size: '1024x1024' }) },
    {
      name: '5.0 pro with everything that it knows',
      model: pro,
      request: { size: { width: 1024, height: 1792 }, outputFormat: 'png', watermark: true, seed: 7, n: 2 },
      sent: sent({ model: pro, size: '1024x1792', output_format: 'png', watermark: true }),
    },
    {
      name: '4.5, which draws no small pictures',
      model: 'doubao-seedream-4-5-251128',
      request: { outputFormat: 'png' },
      sent: sent({
        model: 'doubao-seedream-4-5-251128',
        size: '1920x1920',
        sequential_image_generation: 'disabled',
      }),
    },
    {
      name: '3.0',
      model: 'seedream-3-0-t2i-250415',
      request: { size: { width: 64, height: 64 }, seed: 0, guidanceScale: 20 },
      sent: sent({ model: 'seedream-3-0-t2i-250415', size: '512x512', seed: 0, guidance_scale: 10 }),
    },
    {
      name: '5.0 pro with a reference',
      model: pro,
      reference,
      sent: sent({ model: pro, size: '1024x1024', image }),
    },
    {
      name: 'SeedEdit, which takes its size from the reference',
      model: 'seededit-3-0-i2i-250628',
      reference,
      sent: sent({ model: 'seededit-3-0-i2i-250628', size: 'adaptive', image }),
    },
  ],
  skips: {
    'delivers what there is of a call that made fewer pictures': 'a call makes one picture',
    'goes on from its handle after JSON and in a fresh adapter': 'Ark answers at once and has no handles',
    'takes an unknown upstream status for running': 'Ark answers at once and has no statuses',
    'makes a call once for one call id': 'Ark keeps no call ids: a lost answer is ambiguous',
  },
});
