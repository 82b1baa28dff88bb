import { describe, expect, it } from 'vitest';
import { readDirectives } from './directives.ts';

describe('the directives in a prompt', () => {
  it('are none in an ordinary prompt', () => {
    expect(readDirectives('A cat [in a hat]')).toEqual({ caption: 'A cat [in a hat]', delayMs: 0 });
  });

  it.each([
    ['250ms', 250],
    ['2s', 2000],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['0s', 0],
  ])('delay=%s is %i ms', (text, delayMs) => {
    expect(readDirectives(`[sandbox:delay=${text}] A cat`)).toEqual({ caption: 'A cat', delayMs });
  });

  it('leave no trace in the caption', () => {
    const prompt = 'A cat [sandbox:delay=1s] in a hat [sandbox:fail=provider_timeout]';
    expect(readDirectives(prompt)).toEqual({
      caption: 'A cat in a hat',
      delayMs: 1000,
      fail: 'provider_timeout',
    });
  });

  it('say what is wrong with them', () => {
    expect(readDirectives('[sandbox:delay=soon]').problem).toContain('`250ms`');
    expect(readDirectives('[sandbox:sleep=2s]').problem).toContain('`delay` and `fail`');
    const { problem } = readDirectives('[sandbox:fail=teapot]');
    expect(problem).toContain('`teapot`');
    expect(problem).toContain('content_policy_violation');
    expect(problem).toContain('internal_error');
    // A code of a request is none of a task.
    expect(readDirectives('[sandbox:fail=invalid_json]').problem).toContain('`invalid_json`');
    expect(readDirectives('[sandbox:fail=constructor]').problem).toContain('`constructor`');
  });
});
