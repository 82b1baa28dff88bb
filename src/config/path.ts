/** The way from the root of a tree to one value. */
export type Path = readonly (string | number)[];

/** `models.seedream-3.0.routes[0].provider`. */
export const formatPath = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
