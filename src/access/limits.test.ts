import { describe, expect, test } from 'vitest';
import { isAddressRange, isInRanges } from './addresses.ts';
import { periodEndOf, periodStartOf } from './limits.ts';

const at = (text: string): number => Date.parse(text);

describe('periods', () => {
  test.each([
    ['day', '2026-11-22T23:59:59.999Z', '2026-11-22T00:00:00Z', '2026-11-23T00:00:00Z'],
    ['day', '2026-11-22T00:00:00Z', '2026-11-22T00:00:00Z', '2026-11-23T00:00:00Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['month', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ] as const)('a %s of %s', (period, time, start, end) => {
    expect(periodStartOf(period, at(time))).toBe(at(start));
    expect(periodEndOf(period, at(time))).toBe(at(end));
  });

  test('the whole has neither start nor end', () => {
    expect(periodStartOf('total', at('2026-11-22'))).toBe(0);
    expect(periodEndOf('total', at('2026-11-22'))).toBeUndefined();
  });
});

describe('address ranges', () => {
  test.each(['10.0.0.0/8', '203.0.113.7', '::1', '2001:db8::/32', '0.0.0.0/0', '10.1.2.3/32'])(
    'takes %s',
    (text) => expect(isAddressRange(text)).toBe(true),
  );
  test.each([
    '',
    'shop.example',
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/8/9',
    '::/129',
    ' 10.0.0.1',
  ])('refuses %j', (text) => expect(isAddressRange(text)).toBe(false));
  test.each([
    ['10.9.8.7', true],
    ['::ffff:10.9.8.7', true],
    ['11.0.0.1', false],
    ['203.0.113.7', true],
    ['203.0.113.8', false],
    ['2001:db8:1::5', true],
    ['2001:db9::5', false],
    ['', false],
  ])('finds whether %s is in them', (address, isIn) => {
    expect(isInRanges(address, ['10.0.0.0/8', '203.0.113.7', '2001:db8::/32'])).toBe(isIn);
  });
});
