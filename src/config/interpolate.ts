import { formatPath, type Path } from './path.ts';

const PLACEHOLDER = /\$\$\{|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}|\$\{/g;

/** A tree whose texts are filled in, and which of them were: their paths and what was written there. */
export interface Interpolated {
  readonly tree: unknown;
  readonly templates: ReadonlyMap<string, string>;
}

/**
 * Fills `${NAME}` and `${NAME:-default}` in every text of the tree; `$${` stands for `${` itself. Like in a shell,
 * an empty variable counts as unset.
 */
export const interpolate = (
  root: unknown,
  lookUp: (name: string) => string | undefined,
  report: (path: Path, message: string) => void,
): Interpolated => {
  const templates = new Map<string, string>();

  const fillText = (text: string, path: Path): string => {
    if (!text.includes('${')) return text;
    templates.set(formatPath(path), text);
    return text.replaceAll(
      PLACEHOLDER,
      (whole: string, name: string | undefined, fallback: string | undefined) => {
        if (whole === '$${') return '${';
        if (name === undefined) {
          report(
            path,
            'has a `${` that is neither ${NAME} nor ${NAME:-default}; write $${ for the characters themselves',
          );
          return whole;
        }
        const value = lookUp(name) ?? fallback;
        if (value === undefined) {
          report(
            path,
            `wants the environment variable ${name}, which is not set; set it, or write \${${name}:-default}`,
          );
        }
        return value ?? whole;
      },
    );
  };

  const fill = (value: unknown, path: Path): unknown => {
    if (typeof value === 'string') return fillText(value, path);
    if (Array.isArray(value)) return value.map((item, index) => fill(item, [...path, index]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key])]),
      );
    }
    return value;
  };

  return { tree: fill(root, []), templates };
};
