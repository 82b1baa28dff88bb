import type { CallRequest } from '../../core/call.ts';
import type { ReferencePicture } from '../provider.ts';
import { toBase64 } from '../to-base64.ts';
import { wireSizeOf } from './models.ts';

/** The body of `POST /v1/images/generations`, sheet section 4. */
export interface KlingBody {
  readonly model_name: string;
  readonly prompt: string;
  readonly negative_prompt?: string;
  readonly image?: string;
  readonly resolution: string;
  readonly n: number;
  readonly aspect_ratio: string;
  readonly watermark_info: { readonly enabled: boolean };
  readonly external_task_id: string;
}

/**
 * The body for a call. Our call id goes with it: the vendor refuses a second task under the same one, and finds the
 * first by it.
 *
 * `model_name`, shape, resolution and mark are always said: the vendor has changed their defaults before, and an
 * unknown field, such as `model` from before 2025, is ignored without a word. The reference goes as bare base64,
 * since a data URI is refused, and without the fields that only one older model knows.
 */
export const toBody = async (
  request: CallRequest,
  callId: string,
  reference: ReferencePicture | undefined,
): Promise<KlingBody> => {
  const { aspectRatio, resolution } = wireSizeOf(request.size);
  return {
    model_name: request.model,
    prompt: request.prompt,
    ...(request.negativePrompt !== undefined && { negative_prompt: request.negativePrompt }),
    ...(reference && { image: await toBase64(reference) }),
    resolution,
    n: request.images,
    aspect_ratio: aspectRatio,
    watermark_info: { enabled: request.watermark },
    external_task_id: callId,
  };
};
