import { describe, expect, it } from 'vitest';
import { adapterByName, createAdapters } from './registry.ts';
import { createPainter } from './sandbox/painter.ts';

describe('the registry', () => {
  it('finds each adapter by its own name, and none by another', () => {
    const adapters = createAdapters(createPainter());
    for (const adapter of adapters) expect(adapterByName(adapters, adapter.name)).toBe(adapter);
    expect(adapters.map(({ name }) => name)).toEqual(expect.arrayContaining(['ark', 'sandbox']));
    expect(adapterByName(adapters, 'no-such-vendor')).toBeUndefined();
  });
});
