import { describe, expect, it } from 'vitest';
import { createPlaces } from './places.ts';

/** Takes every place that is free for these hosts. */
const takeAll = (places: ReturnType<typeof createPlaces>, hosts: readonly string[]): string[] => {
  const taken: string[] = [];
  for (const host of hosts) {
    while (places.free(host) > 0) {
      places.take(host);
      taken.push(host);
    }
  }
  return taken;
};
const many = (name: string): string[] => Array.from({ length: 30 }, (_, number) => `${name}-${number}`);

describe('places', () => {
  it('gives a host that has not answered yet one, and one that answers soon four', () => {
    const places = createPlaces();
    expect(takeAll(places, ['new'])).toEqual(['new']);
    places.release('new', true);
    expect(takeAll(places, ['new'])).toHaveLength(4);
  });

  it('keeps half of all places from hosts that may hang', () => {
    const places = createPlaces();
    for (const host of ['a', 'b', 'c']) {
      places.take(host);
      places.release(host, true);
    }
    expect(takeAll(places, many('hanging'))).toHaveLength(8);
    expect(takeAll(places, ['a', 'b', 'c'])).toHaveLength(8);
  });

  it('gives a host that stops answering one place again', () => {
    const places = createPlaces();
    places.take('host');
    places.release('host', true);
    expect(takeAll(places, ['host'])).toHaveLength(4);
    for (let count = 0; count < 4; count += 1) places.release('host', false);
    expect(takeAll(places, ['host'])).toHaveLength(1);
  });

  it('learns nothing of a host from what was never sent', () => {
    const places = createPlaces();
    places.take('host');
    places.release('host', true);
    places.take('host');
    places.release('host', undefined);
    expect(places.free('host')).toBe(4);
  });
});
