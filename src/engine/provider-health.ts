/** What is thought of the providers, learnt from how they answer. It is kept in memory: a new process asks anew. */
import type { Clock } from '../core/clock.ts';
import type { Standing } from '../core/retry-policy.ts';
import type { Logger } from '../observe/logger.ts';
import type { Provider } from '../providers/catalog.ts';
import { type Break, Breaker, type Pass } from './breaker.ts';

/** What is thought of one provider. */
export type ProviderState =
  | { readonly name: string; readonly state: 'ok' }
  | { readonly name: string; readonly state: Break; readonly reason: string; readonly sinceMs: number };

/** What a call has shown of its provider. */
export interface Experience {
  readonly standing: Standing;
  /** A code of the catalogue. */
  readonly reason?: string;
  /** How long a provider wants to be left alone that limits our rate. */
  readonly pauseMs?: number;
  readonly isProbe?: boolean;
}

export interface ProviderHealth {
  /** Whether this upstream model of the provider is as good a choice as any. */
  isEligible(provider: Provider, upstreamModel: string): boolean;
  /** Whether a call may go there that has nowhere else to go. */
  mayTry(provider: Provider, upstreamModel: string): boolean;
  /** When to ask again for leave to send; now, when nothing is wrong. */
  nextTryMs(provider: Provider, upstreamModel: string): number;
  /** Leave to send a call now; `undefined` when it has to wait. */
  enter(provider: Provider, upstreamModel: string): Pass | undefined;
  /** Takes note of what a call has shown. */
  learn(provider: Provider, upstreamModel: string, experience: Experience): void;
  stateOf(provider: Provider): ProviderState;
}

/** @param onChance called when a call may be sent that could not be before. */
export const createProviderHealth = (
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  onChance: () => void,
): ProviderHealth => {
  const breakers = new Map<string, Breaker>();
  /** From when until when an upstream model is to be left alone. */
  const pauses = new Map<string, { readonly fromMs: number; readonly untilMs: number }>();

  const breakerOf = (provider: Provider): Breaker => {
    let known = breakers.get(provider.name);
    if (known === undefined) {
      known = new Breaker(clock);
      breakers.set(provider.name, known);
    }
    return known;
  };

  const pausedUntilMs = (provider: Provider, model: string): number => {
    const known = pauses.get(`${provider.name}/${model}`);
    // A pause that begins in the future is one of a clock that has gone back since.
    return known === undefined || clock.nowMs() < known.fromMs ? 0 : known.untilMs;
  };
  const isPaused = (provider: Provider, model: string): boolean =>
    clock.nowMs() < pausedUntilMs(provider, model);

  const tellWhen = (atMs: number): void => {
    clock.after(Math.max(0, atMs - clock.nowMs()), onChance);
  };

  const pause = (provider: Provider, model: string, pauseMs: number): void => {
    const untilMs = clock.nowMs() + pauseMs;
    if (untilMs <= pausedUntilMs(provider, model)) return;
    pauses.set(`${provider.name}/${model}`, { fromMs: clock.nowMs(), untilMs });
    tellWhen(untilMs);
  };

  const leaveAlone = (breaker: Breaker): void => {
    if (breaker.opened === undefined) return;
    tellWhen(breaker.opened.probeMs);
    tellWhen(breaker.opened.dueMs);
  };

  return {
    isEligible: (provider, model) => breakerOf(provider).isEligible && !isPaused(provider, model),
    mayTry: (provider, model) => breakerOf(provider).mayProbe && !isPaused(provider, model),
    nextTryMs: (provider, model) =>
      Math.max(clock.nowMs(), pausedUntilMs(provider, model), breakerOf(provider).nextTryMs),
    enter: (provider, model) => (isPaused(provider, model) ? undefined : breakerOf(provider).enter()),

    learn: (provider, model, { standing, reason = '', pauseMs = 0, isProbe = false }) => {
      // Without an upstream there is nobody to be spared: the sandbox fails because it was asked to.
      if (provider.trustedHost === undefined) return;
      const breaker = breakerOf(provider);
      const { name } = provider;
      if (standing === 'limits') pause(provider, model, pauseMs);
      if (standing === 'works' || standing === 'limits') {
        if (!breaker.work()) return;
        logger.info({ provider: name }, 'a provider serves again');
        onChance();
        return;
      }
      const isNews =
        standing === 'refuses' ? breaker.refuse(reason, isProbe) : breaker.stumble(reason, isProbe);
      leaveAlone(breaker);
      if (!isNews) return;
      logger.warn(
        { provider: name, reason },
        standing === 'refuses'
          ? 'a provider refuses our account and is left alone but for a try now and then'
          : 'a provider does not answer and is left alone but for a try now and then',
      );
    },

    stateOf: (provider) => {
      const opened = breakerOf(provider).opened;
      if (opened === undefined) return { name: provider.name, state: 'ok' };
      const { kind, reason, sinceMs } = opened;
      return { name: provider.name, state: kind, reason, sinceMs };
    },
  };
};
