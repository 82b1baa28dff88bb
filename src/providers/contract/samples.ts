/** What the tests of adapters ask for. */
import type { CallRequest } from '../../core/call.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { planCalls } from '../../core/plan.ts';
import type { GenerationRequest } from '../../core/request.ts';
import { parseSize } from '../../core/size.ts';
import type { Size } from '../../core/size.ts';
import type { ReferencePicture } from '../provider.ts';

/** A call of a model. */
export const callOf = (model: string, changes: Partial<CallRequest> = {}): CallRequest => ({
  model,
  prompt: 'a cat',
  images: 1,
  firstImage: 0,
  size: { width: 1024, height: 1024 },
  watermark: false,
  hasReference: false,
  ...changes,
});

/** A request for one picture. */
export const requestOf = (changes: Partial<GenerationRequest> = {}): GenerationRequest => ({
  model: 'public-model',
  prompt: 'a cat',
  n: 1,
  size: { width: 1024, height: 1024 },
  responseFormat: 'url',
  outputFormat: 'auto',
  watermark: false,
  ...changes,
});

/** The size that a text such as `1024x768` names. */
export const sizeOf = (text: string): Size => {
  const size = parseSize(text);
  if (!size) throw new Error(`not a size: ${text}`);
  return size;
};

/** The first call that is planned for a request of a model. */
export const plannedCall = (
  card: ModelCard,
  changes: Partial<GenerationRequest>,
  hasReference = false,
): CallRequest => {
  const [call] = planCalls({ request: requestOf(changes), card, hasReference }).calls;
  if (!call) throw new Error('the plan has no call');
  return call;
};

/** A picture of the bytes 1, 2, 3, in base64 `AQID`: a window on a larger buffer, as a file read gives it. */
export const reference: ReferencePicture = {
  format: 'jpeg',
  width: 300,
  height: 300,
  bytes: async () => new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4),
};
