import { styleText } from 'node:util';
import type { Terminal } from './context.ts';

type Style = Parameters<typeof styleText>[0];

/** The text in a colour, when the terminal shows colours and `NO_COLOR` does not forbid it. */
export type Paint = (style: Style, text: string) => string;

/** How to colour for this terminal. */
export const paintFor = (terminal: Terminal, env: Readonly<Record<string, string | undefined>>): Paint => {
  const isColourful = terminal.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return isColourful
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_style, text) => text;
};

/** Rows in columns, two spaces apart, under a heading; the last column takes what room is left. */
export const formatTable = (
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint = (_style, text) => text,
): string => {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ');
  return [paint('dim', line(headings)), ...rows.map(line)].map((text) => `${text}\n`).join('');
};

/** One line without line ends, cut where the terminal ends. */
export const oneLine = (text: string, length: number): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > length ? `${line.slice(0, Math.max(1, length - 1))}…` : line;
};

/** JSON as people and `jq` read it. */
export const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Unix seconds as local time, to the second. */
export const formatTime = (unixSeconds: number): string => {
  const date = new Date(unixSeconds * 1000);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
};
