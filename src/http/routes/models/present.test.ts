import { describe, expect, test } from 'vitest';
import type { Provider, Route } from '../../../providers/catalog.ts';
import { adapterByName } from '../../../providers/registry.ts';
import { presentModel } from './present.ts';

const route = (adapter: string, upstreamModel: string, editModel = upstreamModel): Route => ({
  provider: { name: adapter } as Provider,
  card: adapterByName(adapter).card(upstreamModel),
  editCard: adapterByName(adapter).card(editModel),
  weight: 1,
  priority: 0,
});

describe('a public model', () => {
  test('tells the soonest known end of what is behind it, and what that means', () => {
    const routes = [
      route('ark', 'doubao-seedream-5-0-pro-260628'),
      route('ark', 'doubao-seedream-4-5-251128'),
      route('openai', 'gpt-image-2', 'gpt-image-1.5'),
    ];
    expect(presentModel({ name: 'seedream-3.0', routes })).toMatchObject({
      retires_at: Date.UTC(2026, 10, 24, 6) / 1000,
      notice:
        'It is served by `doubao-seedream-4-5-251128`, which its vendor ends on 2026-11-24: until then the operator has to name another upstream model.',
    });
  });

  test('says nothing of an end that nobody knows', () => {
    const model = presentModel({ name: 'keling', routes: [route('kling', 'kling-v3')] });
    expect(model).not.toHaveProperty('retires_at');
    expect(model).not.toHaveProperty('notice');
  });

  test('has a notice for the end beside the one that the model has by itself', () => {
    const sandbox = route('sandbox', 'sandbox');
    const ending = { ...sandbox, card: { ...sandbox.card, retiresAt: '2027-06-30T00:00:00.000Z' } };
    expect(presentModel({ name: 'sandbox', routes: [ending] }).notice).toMatch(
      /no.* AI model\..* 2027-06-30/,
    );
  });

  test('tells apart what a picture costs with a reference and without', () => {
    expect(presentModel({ name: 'keling', routes: [route('kling', 'kling-v2-1')] }).price).toEqual({
      currency: 'USD',
      tiers: [{ with_reference: true, per_image: 0.028 }, { per_image: 0.014 }],
    });
  });
});
