import type { FastifyReply } from 'fastify';
import type { KeyLimits } from '../access/limits.ts';
import { dayMs } from '../access/limits.ts';
import { type Taken, windowMs } from '../access/request-limiter.ts';

/**
 * Tells the limit on requests in `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) and in
 * OpenAI's `x-ratelimit-*`; the policies name the daily limit on pictures too.
 */
export const tellRequestLimit = (
  reply: FastifyReply,
  { requestsPerMinute = 0, imagesPerDay }: KeyLimits,
  { remaining, resetMs }: Taken,
): void => {
  const seconds = Math.ceil(resetMs / 1000);
  const images = imagesPerDay === undefined ? '' : `, "images";q=${imagesPerDay};w=${dayMs / 1000}`;
  reply
    .header('ratelimit-policy', `"requests";q=${requestsPerMinute};w=${windowMs / 1000}${images}`)
    .header('ratelimit', `"requests";r=${remaining};t=${seconds}`)
    .header('x-ratelimit-limit-requests', String(requestsPerMinute))
    .header('x-ratelimit-remaining-requests', String(remaining))
    .header('x-ratelimit-reset-requests', `${seconds}s`);
};
