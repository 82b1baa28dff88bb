/** A value as a cell (RFC 4180); what a spreadsheet would take for a formula is marked as a text. */
const cellOf = (value: string | number | undefined): string => {
  if (typeof value !== 'string') return value === undefined ? '' : String(value);
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
};

/** Rows as CSV, with these columns in this order. */
export const toCsv = <Row extends object>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
): string =>
  [columns, ...rows.map((row) => columns.map((column) => row[column] as string | number | undefined))]
    .map((cells) => `${cells.map(cellOf).join(',')}\r\n`)
    .join('');
