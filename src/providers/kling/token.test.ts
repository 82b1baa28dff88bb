import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/secret.ts';
import { bearerToken } from './token.ts';

const pair = {
  access_key: new Secret('AKEXAMPLEAKEXAMPLEAKEXAMPLEAKEXA'),
  secret_key: new Secret('SKEXAMPLESKEXAMPLESKEXAMPLESKEXA'),
};

describe('the bearer token', () => {
  it("is the sheet's token for its keys and time", async () => {
    expect(await bearerToken(pair, 1_800_000_000_999)).toBe(
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBS0VYQU1QTEVBS0VYQU1QTEVBS0VYQU1QTEVBS0VYQSIsImV4cCI6MTgwMDAwMTgwMCwibmJmIjoxNzk5OTk5OTk1fQ.e0XeC1XMi7rhESnKVN0Rp1DUDdUqsi0S1gfuDIeVAvk',
    );
  });

  it('is the API key where there is one', async () => {
    expect(await bearerToken({ api_key: new Secret('opaque') }, 0)).toBe('opaque');
    expect(await bearerToken({ ...pair, api_key: new Secret('opaque') }, 0)).toBe('opaque');
  });
});
