/** Chooses the route of a task among those that serve its model, and counts the calls on each upstream model. */
import type { ModelCatalog, Route } from '../providers/catalog.ts';
import type { Clock } from '../core/clock.ts';
import type { GateReading } from '../observe/metrics.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ProviderHealth } from './provider-health.ts';
import { Gate } from './gate.ts';
import { createPacer, type Pacer } from './pacer.ts';

export interface Routing {
  /**
   * The best route with a free place for a new task, by priority and then by weight; of those whose provider cannot
   * serve only when there is no other. `undefined` when all are busy.
   */
  choose(modelName: string): Route | undefined;
  /** The route that a stored call was planned for; `undefined` when the configuration no longer has it. */
  find(modelName: string, provider: string, upstreamModel: string): Route | undefined;
  /** Where calls to this model of the route's provider wait for their turn. */
  gate(route: Route, upstreamModel: string): Gate;
  /** How full the gates are. */
  gates(): readonly GateReading[];
  /** When the provider's rate lets this call go. */
  turnMs(route: Route, callId: string): number;
}

/**
 * @param parts.random from 0 to 1, to share calls among routes of one priority.
 * @param onFree called when a place came free that no started task waits for.
 */
export const createRouting = (
  {
    models,
    health,
    random,
    clock,
    fleet,
  }: {
    readonly models: ModelCatalog;
    readonly health: ProviderHealth;
    readonly random: () => number;
    readonly clock: Clock;
    readonly fleet: Pick<Fleet, 'partOf'>;
  },
  onFree: () => void,
): Routing => {
  const gates = new Map<string, { readonly provider: string; readonly model: string; readonly gate: Gate }>();
  const pacers = new Map<string, Pacer>();

  const gate = (route: Route, upstreamModel: string): Gate => {
    const name = `${route.provider.name}/${upstreamModel}`;
    let known = gates.get(name);
    if (known === undefined) {
      const { provider } = route;
      known = {
        provider: provider.name,
        model: upstreamModel,
        gate: new Gate(() => fleet.partOf(name, provider.concurrency), onFree),
      };
      gates.set(name, known);
    }
    return known.gate;
  };

  return {
    choose: (modelName) => {
      const routes = models.get(modelName)?.routes ?? [];
      const eligible = routes.filter(({ provider, card }) => health.isEligible(provider, card.upstreamModel));
      const candidates =
        eligible.length > 0
          ? eligible
          : routes.filter(({ provider, card }) => health.mayTry(provider, card.upstreamModel));
      const free = candidates.filter((route) => gate(route, route.card.upstreamModel).isOpen);
      const priority = Math.min(...free.map((route) => route.priority));
      const best = free.filter((route) => route.priority === priority);
      let share = random() * best.reduce((sum, route) => sum + route.weight, 0);
      return best.find((route) => (share -= route.weight) < 0) ?? best[0];
    },
    find: (modelName, provider, upstreamModel) =>
      models
        .get(modelName)
        ?.routes.find(
          (route) =>
            route.provider.name === provider &&
            (route.card.upstreamModel === upstreamModel || route.editCard?.upstreamModel === upstreamModel),
        ),
    gate,
    gates: () =>
      [...gates.values()].map(({ provider, model, gate }) => ({ provider, model, ...gate.reading })),
    turnMs: ({ provider }, callId) => {
      if (provider.requestsPerMinute === undefined) return clock.nowMs();
      const { name, requestsPerMinute } = provider;
      const pacer = pacers.get(name) ?? createPacer(() => fleet.partOf(name, requestsPerMinute), clock);
      pacers.set(name, pacer);
      return pacer.turnMs(callId);
    },
  };
};
