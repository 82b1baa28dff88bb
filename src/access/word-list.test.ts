import { describe, expect, test } from 'vitest';
import { createWordList } from './word-list.ts';

const find = createWordList([
  'Forbidden',
  'bad  Thing',
  'straße',
  '禁止',
  'がく',
  '금지',
  'ทดสอบ',
  'C4',
  '  ',
  'naïve',
]);

describe('a word list', () => {
  test.each([
    ['a FORBIDDEN picture', 'Forbidden'],
    ['forbidden', 'Forbidden'],
    ['"forbidden!"', 'Forbidden'],
    ['ｆｏｒｂｉｄｄｅｎ', 'Forbidden'],
    ['𝕗𝕠𝕣𝕓𝕚𝕕𝕕𝕖𝕟', 'Forbidden'],
    ['ⓕⓞⓡⓑⓘⓓⓓⓔⓝ', 'Forbidden'],
    ['for\u200Bbid\u00ADd\u2060en', 'Forbidden'],
    ['fórbïddën', 'Forbidden'],
    ['forbi\u0336dden', 'Forbidden'],
    ['bad\n\tthing', 'bad  Thing'],
    ['bad-thing', 'bad  Thing'],
    ['STRASSE', 'straße'],
    ['此处禁止吸烟', '禁止'],
    ['だいがくせい', 'がく'],
    ['금지를', '금지'],
    ['การทดสอบนี้', 'ทดสอบ'],
    ['ein c4 mit', 'C4'],
    ['naive', 'naïve'],
  ])('finds in %j', (text, entry) => {
    expect(find(text)).toBe(entry);
  });

  test.each([
    'unforbidden',
    'forbiddenly',
    'forbid den',
    'bad some thing',
    'か',
    'c42',
    'xc4',
    '',
    '🎨 a fox',
  ])('finds nothing in %j', (text) => {
    expect(find(text)).toBeUndefined();
  });

  test('of thousands of entries is through with the longest prompt in no time', () => {
    const long = createWordList(
      Array.from({ length: 20_000 }, (_, place) => `a${'ab'.repeat(place % 40)}${place}`),
    );
    const text = 'ab'.repeat(16_000);
    const startedAt = performance.now();
    expect(long(text)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
