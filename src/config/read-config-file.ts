import { isMap as isMapNode, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { Path } from './path.ts';

/** What a YAML file holds, and where in it each value stands. */
export interface ConfigFile {
  readonly tree: unknown;
  /** Line of the value, or of the nearest thing around it. */
  lineOf(path: Path): number | undefined;
}

/** Parses YAML; reports what is no YAML, by its line and without quoting it, because it may hold credentials. */
export const readConfigFile = (
  text: string,
  report: (line: number, message: string) => void,
): ConfigFile | undefined => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    // One slip draws a row of errors behind it: the first is the one to mend.
    const [error] = document.errors.toSorted((one, other) => one.pos[0] - other.pos[0]);
    if (error) report(lines.linePos(error.pos[0]).line, `is not valid YAML: ${firstClause(error.message)}`);
    return undefined;
  }
  try {
    return { tree: document.toJS(), lineOf: (path) => lineOf(document, lines, path) };
  } catch (error) {
    report(1, `is not valid YAML: ${firstClause(error instanceof Error ? error.message : 'unknown reason')}`);
    return undefined;
  }
};

/** What the parser says before it quotes the file. */
const firstClause = (message: string): string => message.split(/[:"`]/)[0]?.trim() ?? '';

const lineOf = (document: Document, lines: LineCounter, path: Path): number | undefined => {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMapNode(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
};
