/**
 * What the refusals of upstreams mean to us, each in a sentence of our own. An adapter's table points its vendor's
 * codes at these, and says beside them where its vendor is different.
 */
import type { CallFailure } from '../core/failure.ts';

/** A refusal as we understand it; the sentence may be followed by what the upstream said. */
export type Meaning = Omit<CallFailure, 'charged' | 'upstream'> & {
  /** Whether the upstream's own words help the caller. */
  readonly quoted?: true;
};

/** `what` was refused for what it says or shows, e.g. `the prompt`. */
export const refusedContent = (what: string): Meaning => ({
  code: 'content_policy_violation',
  retryable: false,
  message: `The provider refused ${what} for its content.`,
});

/** Where the vendor does not charge for it: another try draws another picture. */
export const refusedOutput: Meaning = {
  ...refusedContent('the picture that it drew'),
  retryable: true,
  retryOnce: true,
};

export const rejected: Meaning = {
  code: 'provider_rejected_request',
  retryable: false,
  message: 'The provider rejected the request.',
  quoted: true,
};

export const rejectedParameter: Meaning = {
  ...rejected,
  message: 'The provider rejected a parameter of the request.',
};

export const badPrompt: Meaning = {
  code: 'prompt_rejected',
  retryable: false,
  message: 'The provider cannot take this prompt.',
  quoted: true,
};

export const badReference: Meaning = {
  code: 'reference_invalid',
  retryable: false,
  message: 'The provider cannot use the reference picture.',
  quoted: true,
};

export const refusedKey: Meaning = {
  code: 'provider_auth_failed',
  retryable: false,
  account: true,
  message: 'The provider refused the credentials that are configured for it.',
};

export const noPermission: Meaning = {
  ...refusedKey,
  message: 'The account at the provider may not use this service.',
};

export const noFunds: Meaning = {
  code: 'provider_quota_exhausted',
  retryable: false,
  account: true,
  message: 'The account at the provider is out of funds.',
};

export const noModel: Meaning = {
  code: 'model_unavailable',
  retryable: false,
  message: 'The upstream model is retired, unknown or not open to the account.',
};

export const tooFast: Meaning = {
  code: 'provider_rate_limited',
  retryable: true,
  message: 'The provider is limiting our rate.',
};

export const down: Meaning = {
  code: 'provider_unavailable',
  retryable: true,
  message: 'The provider could not serve the request for now.',
};
