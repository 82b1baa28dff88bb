import { describe, expect, it } from 'vitest';
import { planCalls } from '../../core/plan.ts';
import { callOf, reference, requestOf } from '../contract/samples.ts';
import { cardOf } from './models.ts';
import { toBody } from './request.ts';

const call = callOf('kling-v3', { images: 3, size: { width: 768, height: 1360 } });

describe('the body for Kling', () => {
  it('names the model as `model_name`, which older code called `model`, and says every default', async () => {
    expect(await toBody(call, 'call_1', undefined)).toEqual({
      model_name: 'kling-v3',
      prompt: 'a cat',
      resolution: '1k',
      n: 3,
      aspect_ratio: '9:16',
      watermark_info: { enabled: false },
      external_task_id: 'call_1',
    });
  });

  it('knows no seed, width, height or guidance', async () => {
    const body = await toBody({ ...call, seed: 0, guidanceScale: 5 }, 'call_1', undefined);
    expect(body).toEqual(await toBody(call, 'call_1', undefined));
  });

  it('sends the reference as bare base64, without a data: prefix or fields of older models', async () => {
    const body = await toBody({ ...call, hasReference: true }, 'call_1', reference);
    expect(body.image).toBe('AQID');
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['image_reference']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['image_fidelity']));
  });

  it.each([
    [false, 'dogs'],
    [true, undefined],
  ])('omits negative_prompt whenever an image is set: %s', async (hasReference, expected) => {
    const plan = planCalls({
      request: requestOf({ watermark: true, negativePrompt: 'dogs' }),
      card: cardOf('kling-v3'),
      hasReference,
    });
    const [planned] = plan.calls;
    if (!planned) throw new Error('no call');
    const body = await toBody(planned, 'call_1', hasReference ? reference : undefined);
    expect(body.negative_prompt).toBe(expected);
    expect(body.watermark_info).toEqual({ enabled: true });
    expect(plan.adjustments.map(({ parameter }) => parameter)).toEqual(
      hasReference ? ['negative_prompt'] : [],
    );
  });
});
