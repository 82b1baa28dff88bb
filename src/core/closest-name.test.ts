import { expect, test } from 'vitest';
import { closestName, didYouMean } from './closest-name.ts';

const names = ['prompt', 'negative_prompt', 'n', 'size'];

test.each([
  ['promt', 'prompt'],
  ['Prompt', 'prompt'],
  ['negativePrompt', 'negative_prompt'],
  ['sizes', 'size'],
  ['nn', 'n'],
  ['a', undefined],
  ['temperature', undefined],
  ['x'.repeat(100_000), undefined],
])('%s', (written, meant) => {
  expect(closestName(written, names)).toBe(meant);
});

test('says nothing when there is nothing to say', () => {
  expect(didYouMean('promt', names)).toBe(' Did you mean `prompt`?');
  expect(didYouMean('temperature', names)).toBe('');
  expect(didYouMean('promt', [])).toBe('');
});
