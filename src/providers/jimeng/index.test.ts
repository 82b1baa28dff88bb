import sharp from 'sharp';
import { expect } from 'vitest';
import { startJimengEmulator } from '../../../upstreams/jimeng/index.ts';
import { Secret } from '../../core/secret.ts';
import { describeProvider } from '../contract/provider.contract.ts';
import { jimeng } from './index.ts';

const accessKeyId = 'AKLTanIdThatNobodyMaySee';
const secretAccessKey = 'a-key-that-nobody-may-see==';

const sent = (body: Record<string, unknown>) => ({
  method: 'POST',
  path: '/?Action=CVSync2AsyncSubmitTask&Version=2022-08-31',
  headers: {
    authorization: 'HMAC-SHA256 [secret]',
    'content-type': 'application/json',
    'x-content-sha256': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    'x-date': expect.stringMatching(/^\d{8}T\d{6}Z$/) as string,
  },
  body: { prompt: 'A lighthouse at dusk', ...body },
});

/** Small enough for the emulator's log to show it whole. */
const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#4682b4' } })
  .png()
  .toBuffer();
const reference = { format: 'png', width: 64, height: 64, bytes: async () => picture } as const;

describeProvider('jimeng', {
  createAdapter: () => jimeng,
  settings: {
    access_key_id: new Secret(accessKeyId),
    secret_access_key: new Secret(secretAccessKey),
  },
  secrets: [accessKeyId, secretAccessKey],
  upstream: {
    start: () => startJimengEmulator({ accessKeyId, secretAccessKey, queriesPerSecond: 1000 }),
    refusal: { fault: '50412', match: 'generate' },
    rateLimit: { fault: '50429', match: 'generate', retryAfter: 7 },
    failure: { fault: '50500', match: 'generate' },
    empty: { fault: 'empty_done', match: 'generate' },
    unknownStatus: { fault: 'unknown_status', match: 'query' },
  },
  models: ['jimeng_t2i_v40', 'high_aes_general_v30l_zt2i', 'jimeng_t2i_v30', 'jimeng_i2i_v30'],
  exchanges: [
    {
      name: '4.0, one picture and no more',
      model: 'jimeng_t2i_v40',
      sent: sent({ req_key: 'jimeng_t2i_v40', width: 1024, height: 1024, force_single: true }),
    },
    {
      name: '4.0 beyond the usual shapes',
      model: 'jimeng_t2i_v40',
      request: { size: { width: 2048, height: 512 }, guidanceScale: 0.333, seed: 7 },
      sent: sent({
        req_key: 'jimeng_t2i_v40',
        width: 2048,
        height: 512,
        scale: 0.33,
        min_ratio: 1 / 16,
        max_ratio: 15.9,
        force_single: true,
      }),
    },
    {
      name: '4.6, whose scale is a percentage',
      model: 'jimeng_seedream46_cvtob',
      request: { guidanceScale: 0 },
      sent: sent({
        req_key: 'jimeng_seedream46_cvtob',
        width: 1024,
        height: 1024,
        scale: 1,
        force_single: true,
      }),
    },
    {
      name: '3.0 with a seed of 0',
      model: 'jimeng_t2i_v30',
      request: { seed: 0, size: { width: 1024, height: 1792 } },
      sent: sent({ req_key: 'jimeng_t2i_v30', seed: 0, width: 1024, height: 1792, use_pre_llm: true }),
    },
    {
      name: '2.1, which doubles what it is asked for',
      model: 'jimeng_high_aes_general_v21_L',
      sent: sent({
        req_key: 'jimeng_high_aes_general_v21_L',
        width: 512,
        height: 512,
        use_pre_llm: true,
        use_sr: true,
      }),
    },
    {
      name: 'image to image 3.0 with bare base64',
      model: 'jimeng_i2i_v30',
      request: { guidanceScale: 12 },
      reference,
      sent: sent({
        req_key: 'jimeng_i2i_v30',
        binary_data_base64: [picture.toString('base64')],
        scale: 1,
        width: 1024,
        height: 1024,
      }),
    },
  ],
  skips: {
    'delivers what there is of a call that made fewer pictures': 'a call makes one picture',
    'spools a picture that comes inside the answer': 'the adapter always asks for links',
    'makes a call once for one call id': 'Jimeng keeps no call ids: a lost answer is ambiguous',
  },
});
