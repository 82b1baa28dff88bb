import type { PublicModel } from './catalog.ts';

/** An upstream model behind a public name whose vendor has told its last day. */
export interface Retirement {
  /** The public name. */
  readonly model: string;
  readonly provider: string;
  readonly upstreamModel: string;
  /** The key of the route that names it. */
  readonly key: 'upstream_model' | 'edit_model';
  readonly atMs: number;
}

/** The known ends of what serves a public model, soonest first. */
export const retirementsOf = ({ name, routes }: PublicModel): readonly Retirement[] =>
  routes
    .flatMap(({ provider, card, editCard }) =>
      [
        { key: 'upstream_model' as const, ...card },
        ...(editCard && editCard.upstreamModel !== card.upstreamModel
          ? [{ key: 'edit_model' as const, ...editCard }]
          : []),
      ].flatMap(({ key, upstreamModel, retiresAt }) =>
        retiresAt === undefined
          ? []
          : [{ model: name, provider: provider.name, upstreamModel, key, atMs: Date.parse(retiresAt) }],
      ),
    )
    .toSorted((one, other) => one.atMs - other.atMs);

/** For the operator: what ends when, and what to do. It is as true after that day as before. */
export const retirementWarning = ({ model, provider, upstreamModel, key, atMs }: Retirement): string =>
  `the model ${model} is served by ${upstreamModel} of the provider ${provider}, which its vendor ends on ${dayOf(atMs)}: ` +
  `name another ${key} in models.${model}.routes`;

/** For callers, who need not know which provider it is. */
export const retirementNotice = ({ upstreamModel, atMs }: Retirement): string =>
  `It is served by \`${upstreamModel}\`, which its vendor ends on ${dayOf(atMs)}: until then the operator has to name another upstream model.`;

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
