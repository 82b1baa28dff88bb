import { describe, expect, it } from 'vitest';
import type { Provider, Route } from './catalog.ts';
import { adapterByName } from './registry.ts';
import { retirementsOf, retirementWarning } from './retirements.ts';

const route = (provider: string, upstreamModel: string, editModel?: string): Route => ({
  provider: { name: provider } as Provider,
  card: adapterByName('openai').card(upstreamModel),
  ...(editModel !== undefined && { editCard: adapterByName('openai').card(editModel) }),
  weight: 1,
  priority: 0,
});

const warnings = (...routes: readonly Route[]) =>
  retirementsOf({ name: 'dall-e-3', routes }).map(retirementWarning);

describe('the known ends of a public model', () => {
  it('are told soonest first, each with what to change', () => {
    expect(
      warnings(route('openai', 'gpt-image-1.5'), route('openai-eu', 'gpt-image-2', 'gpt-image-1')),
    ).toEqual([
      'the model dall-e-3 is served by gpt-image-1 of the provider openai-eu, which its vendor ends on 2026-10-23: name another edit_model in models.dall-e-3.routes',
      'the model dall-e-3 is served by gpt-image-1.5 of the provider openai, which its vendor ends on 2026-12-01: name another upstream_model in models.dall-e-3.routes',
    ]);
  });

  it('are told once for a model that serves requests with a reference too', () => {
    expect(warnings(route('openai', 'gpt-image-1', 'gpt-image-1'))).toHaveLength(1);
  });

  it('are none for models without one', () => {
    expect(warnings(route('openai', 'gpt-image-2.6-flare', 'gpt-image-2.6-flare'))).toEqual([]);
  });
});
