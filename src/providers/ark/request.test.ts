import { describe, expect, it } from 'vitest';
import { callOf, reference } from '../contract/samples.ts';
import { toBody } from './request.ts';

const call = callOf('doubao-seedream-5-0-pro-260628', { size: { width: 1024, height: 1792 } });

describe('the body for Ark', () => {
  it('always says size and watermark, and asks for links', async () => {
    expect(await toBody(call, undefined)).toEqual({
      model: 'doubao-seedream-5-0-pro-260628',
      prompt: 'a cat',
      size: '1024x1792',
      response_format: 'url',
      watermark: false,
    });
  });

  it('carries what the plan kept for the model', async () => {
    const model = 'doubao-seedream-3-0-t2i-250415';
    expect(await toBody({ ...call, model, seed: 0, guidanceScale: 2.5 }, undefined)).toMatchObject({
      seed: 0,
      guidance_scale: 2.5,
    });
    expect(await toBody({ ...call, format: 'png' }, undefined)).toMatchObject({ output_format: 'png' });
  });

  it('declines groups where the family knows them and only there', async () => {
    const grouping = await toBody({ ...call, model: 'seedream-4-0-20260415' }, undefined);
    expect(grouping).toMatchObject({ sequential_image_generation: 'disabled' });
    const endpoint = await toBody({ ...call, model: 'ep-20260101-abcde' }, undefined);
    expect(endpoint).not.toHaveProperty('sequential_image_generation');
  });

  it('sends the reference as a data URI in lower case', async () => {
    expect(await toBody({ ...call, hasReference: true }, reference)).toMatchObject({
      image: 'data:image/jpeg;base64,AQID',
    });
  });

  it('leaves the size to SeedEdit', async () => {
    const model = 'seededit-3-0-i2i-250628';
    expect(await toBody({ ...call, model, hasReference: true }, reference)).toMatchObject({
      size: 'adaptive',
    });
  });
});
