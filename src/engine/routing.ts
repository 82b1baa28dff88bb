/** Chooses the route of a task among those that serve its model, and counts the calls on each upstream model. */
import type { ModelCatalog, Route } from '../providers/catalog.ts';
import { Gate } from './gate.ts';

export interface Routing {
  /** The best route with a free place for a new task, by priority and then by weight; `undefined` when all are busy. */
  choose(modelName: string): Route | undefined;
  /** The route that a stored call was planned for; `undefined` when the configuration no longer has it. */
  find(modelName: string, provider: string, upstreamModel: string): Route | undefined;
  /** Where calls along this route wait for their turn. */
  gate(route: Route): Gate;
}

/**
 * @param random from 0 to 1, to share calls among routes of one priority.
 * @param onFree called when a place came free that no started task waits for.
 */
export const createRouting = (models: ModelCatalog, random: () => number, onFree: () => void): Routing => {
  const gates = new Map<string, Gate>();

  const gate = (route: Route): Gate => {
    const name = `${route.provider.name}/${route.card.upstreamModel}`;
    let known = gates.get(name);
    if (known === undefined) {
      known = new Gate(route.provider.concurrency, onFree);
      gates.set(name, known);
    }
    return known;
  };

  return {
    choose: (modelName) => {
      const free = (models.get(modelName)?.routes ?? []).filter((route) => gate(route).isOpen);
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
  };
};
