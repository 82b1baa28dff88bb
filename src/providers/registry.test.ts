import { describe, expect, it } from 'vitest';
import { adapterByName, adapters } from './registry.ts';

describe('the registry', () => {
  it('finds each adapter by its own name', () => {
    for (const adapter of adapters) expect(adapterByName(adapter.name)).toBe(adapter);
    expect(adapters.map(({ name }) => name)).toEqual(expect.arrayContaining(['ark', 'sandbox']));
  });

  it('has no adapter of another name', () => {
    expect(() => adapterByName('no-such-vendor')).toThrow('no-such-vendor');
  });
});
