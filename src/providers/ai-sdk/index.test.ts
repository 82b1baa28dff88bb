import { startOpenAiEmulator } from '../../../upstreams/openai/index.ts';
import { Secret } from '../../core/secret.ts';
import { describeProvider, type ProviderSubject } from '../contract/provider.contract.ts';
import { aiSdk } from './index.ts';

const key = 'sk-a-key-that-nobody-may-see';
const flare = 'gpt-image-2.6-flare';
const now = () => Date.UTC(2026, 10, 22);

const skips: ProviderSubject['skips'] = {
  'sends exactly the documented request': 'what leaves is worded by the package, not here',
  'sends or reports every parameter':
    'what leaves is worded by the package, which warns of what it leaves out',
  'keeps a seed of 0': "OpenAI's models have no seed",
  'goes on from its handle after JSON and in a fresh adapter':
    'the interface answers at once and has no handles',
  'takes an unknown upstream status for running': 'the interface answers at once and has no statuses',
  'delivers what there is of a call that made fewer pictures': 'a call makes one picture',
  'makes a call once for one call id': 'the interface keeps no call ids: a lost answer is ambiguous',
};

const upstream = {
  refusal: { fault: 'moderation_input' },
  rateLimit: { fault: 'rate_limited', retryAfter: 7 },
  failure: { fault: 'generation_failed' },
  empty: { fault: 'empty_data' },
  inline: { fault: 'missing_usage' },
} as const;

describeProvider('ai-sdk, with @ai-sdk/openai', {
  createAdapter: () => aiSdk,
  settings: { package: '@ai-sdk/openai', api_key: new Secret(key), ask_by: 'size' },
  secrets: [key],
  upstream: { ...upstream, start: () => startOpenAiEmulator({ apiKey: key, now }) },
  models: [flare],
  exchanges: [],
  skips,
});

describeProvider('ai-sdk, with @ai-sdk/openai-compatible', {
  createAdapter: () => aiSdk,
  settings: { package: '@ai-sdk/openai-compatible', api_key: new Secret(key), ask_by: 'size' },
  secrets: [key],
  upstream: {
    ...upstream,
    refusal: { fault: 'content_policy' },
    failure: { fault: 'internal_error' },
    start: () => startOpenAiEmulator({ apiKey: key, profile: 'dalle3-legacy', now }),
  },
  models: ['dall-e-2'],
  exchanges: [],
  skips: {
    ...skips,
    'takes a reference picture': 'the dialect takes none',
    'spools a picture that comes inside the answer': 'the dialect answers with links',
  },
});
