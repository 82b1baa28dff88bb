import { describe, expect, it } from 'vitest';
import { checkUrlShape } from './url.ts';

describe('the form of an address', () => {
  it.each([
    'https://example.com/a.png',
    'HTTP://example.com:8080/?q=1#x',
    'http://[2001:db8::1]/',
    'https://例え.jp/図',
  ])('takes %s', (url) => {
    expect(checkUrlShape(url)).toBeUndefined();
  });

  it.each([
    ['<string>', 'must be an http or https address'],
    ['', 'must be an http or https address'],
    ['example.com/a.png', 'must be an http or https address'],
    ['//example.com/a.png', 'must be an http or https address'],
    ['file:///etc/passwd', 'must be an http or https address'],
    ['ftp://example.com/', 'must be an http or https address'],
    ['javascript:alert(1)', 'must be an http or https address'],
    ['data:image/png;base64,AA', 'must be an http or https address'],
    [' https://example.com', 'must be an http or https address'],
    ['http:example.com', 'must be an http or https address'],
    ['https://', 'must be an http or https address'],
    ['https://exa mple.com', 'must be an http or https address'],
    ['https://user@example.com/', 'must not hold a user name or password'],
    ['https://user:pass@example.com/', 'must not hold a user name or password'],
    ['https://:pass@example.com/', 'must not hold a user name or password'],
    [`https://example.com/${'a'.repeat(9000)}`, 'must have at most 8192 characters'],
  ])('refuses %j', (url, fault) => {
    expect(checkUrlShape(url)).toBe(fault);
  });
});
