import type { KlingSettings } from './settings.ts';

/** How long a token lives and how far our clock may be ahead: the vendor's sample values (sheet section 2.1). */
const lifeSeconds = 1800;
const skewSeconds = 5;

/**
 * The bearer token of a request: the API key itself, or a JWT made for this request alone, so that none is ever
 * found expired while the clocks agree.
 */
export const bearerToken = async (settings: KlingSettings, nowMs: number): Promise<string> => {
  if ('api_key' in settings) return settings.api_key.reveal();
  // Loaded when an account has a key pair: the other kind needs no token.
  const { SignJWT } = await import('jose');
  const now = Math.floor(nowMs / 1000);
  return new SignJWT({
    iss: settings.access_key.reveal(),
    exp: now + lifeSeconds,
    nbf: now - skewSeconds,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(new TextEncoder().encode(settings.secret_key.reveal()));
};
