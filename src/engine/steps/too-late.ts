import { isTaskErrorCode, type TaskErrorCode } from '../../core/errors.ts';
import type { Provider } from '../../providers/catalog.ts';
import type { ProviderHealth } from '../provider-health.ts';

/** Why something was never sent, as the caller is told. */
export interface Lateness {
  readonly code: TaskErrorCode;
  readonly message: string;
}

/**
 * Why the time was over before anything was sent to any of these providers. When all of them are in trouble, that is
 * the reason, and an account that is refused before an upstream that does not answer (design §1.3).
 */
export const lateness = (
  health: Pick<ProviderHealth, 'stateOf'>,
  providers: readonly Provider[],
  otherwise: string,
): Lateness => {
  const states = providers.map((provider) => health.stateOf(provider));
  const troubled = states.flatMap((state) => (state.state === 'ok' ? [] : [state]));
  if (troubled.length < states.length || troubled.length === 0)
    return { code: 'deadline_exceeded', message: otherwise };
  const refused = troubled.find(({ state }) => state === 'refused');
  if (refused !== undefined && isTaskErrorCode(refused.reason)) {
    return {
      code: refused.reason,
      message: 'The provider refuses our account, and did until the time was over.',
    };
  }
  return {
    code: 'provider_unavailable',
    message: 'The provider did not answer until the time was over.',
  };
};
