import { describe, expect, it } from 'vitest';
import { adapters } from '../providers/registry.ts';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';

const load = (price: string) =>
  loadConfig({
    env: { LIMNER_CONFIG: '/limner.yaml' },
    cwd: '/',
    adapters,
    readFile: () => `
providers: { ark: { api_key: one }, kling: { api_key: two } }
models:
  picture:
    ${price}
    routes:
      - { provider: ark, upstream_model: doubao-seedream-5-0-pro-260628 }
      - { provider: kling, upstream_model: kling-v3 }
`,
  });

describe('routes of one model with prices in several currencies', () => {
  it('are refused, and told what helps', () => {
    expect(() => load('')).toThrow(ConfigError);
    expect(() => load('')).toThrow(
      /models\.picture\.routes: have prices in CNY and USD, .* set models\.picture\.price/,
    );
  });

  it('are taken when the model has a price of its own', () => {
    const config = load('price: { currency: EUR, per_image: 0.03 }');
    expect(config.models.find(({ name }) => name === 'picture')?.routes).toHaveLength(2);
  });
});
