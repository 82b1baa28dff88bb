import { formatSize } from '../../core/size.ts';
import type { CallRequest } from '../../core/call.ts';
import type { ReferencePicture } from '../provider.ts';
import { toBase64 } from '../to-base64.ts';
import { wireOf } from './models.ts';

/** The body of `POST /images/generations`, sheet section 3; fields that a model does not know are absent. */
export interface ArkBody {
  readonly model: string;
  readonly prompt: string;
  readonly image?: string;
  readonly size: string;
  readonly seed?: number;
  readonly guidance_scale?: number;
  readonly output_format?: string;
  readonly response_format: 'url';
  readonly watermark: boolean;
  readonly sequential_image_generation?: 'disabled';
}

/**
 * The body for a call.
 *
 * It asks for links and not for inline pictures: a link lives 24 hours and is fetched again after a crash or a
 * broken download, while a picture inside the answer is lost, though paid for, with the connection.
 *
 * `size` and `watermark` are always said: their defaults differ between models and editions (the visible mark is
 * on unless it is declined). Groups are never asked for, because the model then decides how many pictures to make.
 */
export const toBody = async (
  request: CallRequest,
  reference: ReferencePicture | undefined,
): Promise<ArkBody> => {
  const wire = wireOf(request.model);
  return {
    model: request.model,
    prompt: request.prompt,
    ...(reference && { image: `data:image/${reference.format};base64,${await toBase64(reference)}` }),
    size: wire.size === 'adaptive' ? 'adaptive' : formatSize(request.size),
    ...(request.seed !== undefined && { seed: request.seed }),
    ...(request.guidanceScale !== undefined && { guidance_scale: request.guidanceScale }),
    ...(request.format && { output_format: request.format }),
    response_format: 'url',
    watermark: request.watermark,
    ...(wire.groups && { sequential_image_generation: 'disabled' }),
  };
};
