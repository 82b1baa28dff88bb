import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallState, costOfAll, mayFollow } from './call.ts';

const states = ['planned', 'sending', 'accepted', 'produced', 'stored', 'failed'] as const;

/** The states that a call goes through when it is told to go here and there, and goes where it may. */
const pathOf = (wishes: readonly CallState[]): readonly CallState[] =>
  wishes.reduce<readonly CallState[]>(
    (path, wish) => (mayFollow(path.at(-1) ?? 'planned', wish) ? [...path, wish] : path),
    ['planned'],
  );

describe('the path of a call', () => {
  it('is sent once at most, stored only after it was produced, and never goes on after its end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...states), { maxLength: 30 }), (wishes) => {
        const path = pathOf(wishes);
        expect(path.filter((state) => state === 'sending').length).toBeLessThanOrEqual(1);
        expect(path.filter((state) => state === 'produced').length).toBeLessThanOrEqual(1);
        const ends = path.flatMap((state, place) =>
          state === 'stored' || state === 'failed' ? [place] : [],
        );
        expect(ends.every((place) => place === path.length - 1)).toBe(true);
        expect(!path.includes('stored') || path.at(-2) === 'produced').toBe(true);
        expect(!path.includes('produced') || path.includes('sending')).toBe(true);
      }),
    );
  });

  it('leads from anywhere but an end to a failure', () => {
    const open = states.filter((state) => mayFollow(state, 'failed'));
    expect(open).toEqual(['planned', 'sending', 'accepted', 'produced']);
  });
});

describe('the cost of calls', () => {
  it('is the sum of what is known, in the first currency', () => {
    const stored = (micros: number, currency: string) =>
      ({ state: 'stored', cost: { micros, currency } }) as const;
    expect(costOfAll([{ state: 'sending' }])).toEqual({ costMicros: 0 });
    expect(costOfAll([stored(1, 'CNY'), { state: 'stored' }, stored(2, 'CNY'), stored(4, 'USD')])).toEqual({
      costMicros: 3,
      currency: 'CNY',
    });
  });
});
