/**
 * Which tables move, and the two ends that they move between, read row by row in the order of the primary key. What the
 * file has is asked of the file, so that no table of a later schema is forgotten here.
 */
import { createHash, type Hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { ClientBase } from 'pg';

/** A table with the columns of its primary key, all of them texts. */
export interface MovedTable {
  readonly name: string;
  readonly key: readonly string[];
}

/** The job of an open task is put up again by the first worker: in PostgreSQL there is pg-boss for it. */
const LEFT_BEHIND = 'jobs';

/** Every table of a SQLite file that moves, each after those that it refers to. */
export const movedTables = (source: DatabaseSync): readonly MovedTable[] => {
  const names = (sql: string): readonly string[] =>
    source
      .prepare(sql)
      .all()
      .map((row) => String(row['name']));
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    for (const parent of names(`select "table" as name from pragma_foreign_key_list('${name}')`))
      visit(parent);
    ordered.add(name);
  };
  for (const name of names("select name from sqlite_schema where type = 'table' order by name")) {
    if (name !== LEFT_BEHIND && !name.startsWith('sqlite_')) visit(name);
  }
  return [...ordered].map((name) => ({
    name,
    key: names(`select name from pragma_table_info('${name}') where pk > 0 order by pk`),
  }));
};

/** A row as SQLite gives it. */
export type Row = Readonly<Record<string, string | number | null>>;

/** What is in a table, told so that both ends can be compared. */
export interface TableContents {
  readonly name: string;
  readonly rows: number;
  /** Of all rows in the order of the key, in lower-case hexadecimal. */
  readonly sha256: string;
}

/** Rows read, or written, at once. */
export const ROWS_TOGETHER = 500;

/** In PostgreSQL a text sorts by its language unless told; SQLite sorts by bytes. */
const byBytes = ({ key }: MovedTable, direction: 'asc' | 'desc' = 'asc'): string =>
  key.map((column) => `${column} collate "C" ${direction}`).join(', ');

export const columnsOf = (source: DatabaseSync, { name }: MovedTable): readonly string[] =>
  source
    .prepare(`select name from pragma_table_info('${name}') order by cid`)
    .all()
    .map((column) => String(column['name']));

export const countRows = (source: DatabaseSync, { name }: MovedTable): number =>
  Number(source.prepare(`select count(*) as rows from ${name}`).get()?.['rows']);

/** The rows of the source, those after a key or all. */
export const rowsAfter = (
  source: DatabaseSync,
  table: MovedTable,
  after: readonly string[] | undefined,
): Iterable<Row> => {
  const { name, key } = table;
  const where = after === undefined ? '' : `where (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`;
  const statement = source.prepare(`select * from ${name} ${where} order by ${key.join(', ')}`);
  return statement.iterate(...(after ?? [])) as Iterable<unknown> as Iterable<Row>;
};

/** How far the target has come; rows come in the order of the key, so that nothing before it is missing. */
export const lastKey = async (
  target: ClientBase,
  table: MovedTable,
): Promise<readonly string[] | undefined> => {
  const columns = table.key.join(', ');
  const order = byBytes(table, 'desc');
  const { rows } = await target.query(`select ${columns} from ${table.name} order by ${order} limit 1`);
  return rows[0] === undefined ? undefined : table.key.map((column) => String(rows[0][column]));
};

/** Writes rows in one transaction. */
export const insertRows = async (
  target: ClientBase,
  { name }: MovedTable,
  columns: readonly string[],
  rows: readonly Row[],
): Promise<void> => {
  const list = columns.join(', ');
  await target.query(
    `insert into ${name} (${list}) select ${list} from json_populate_recordset(null::${name}, $1::json)`,
    [JSON.stringify(rows)],
  );
};

/** NOTE: as texts, since the two drivers do not agree on what a bigint comes as. */
const addRow = (hash: Hash, row: Row, columns: readonly string[]): void => {
  const values = columns.map((column) => (row[column] === null ? null : String(row[column])));
  hash.update(`${JSON.stringify(values)}\n`);
};

export const sourceContents = (source: DatabaseSync, table: MovedTable): TableContents => {
  const columns = columnsOf(source, table);
  const hash = createHash('sha256');
  let count = 0;
  for (const row of rowsAfter(source, table, undefined)) {
    addRow(hash, row, columns);
    count += 1;
  }
  return { name: table.name, rows: count, sha256: hash.digest('hex') };
};

/** @param columns in the order in which the source has them. */
export const targetContents = async (
  target: ClientBase,
  table: MovedTable,
  columns: readonly string[],
): Promise<TableContents> => {
  const hash = createHash('sha256');
  let count = 0;
  await target.query('begin');
  await target.query(
    `declare contents no scroll cursor for select ${columns.join(', ')} from ${table.name} order by ${byBytes(table)}`,
  );
  for (let together = ROWS_TOGETHER; together === ROWS_TOGETHER;) {
    const { rows } = await target.query<Row>(`fetch ${ROWS_TOGETHER} from contents`);
    for (const row of rows) addRow(hash, row, columns);
    together = rows.length;
    count += together;
  }
  await target.query('commit');
  return { name: table.name, rows: count, sha256: hash.digest('hex') };
};
