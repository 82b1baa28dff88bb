/** Writes the tables of upstream models in `docs/providers`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adapterNames, withModelTable } from './model-tables.ts';

for (const name of adapterNames) {
  const path = join(import.meta.dirname, `../docs/providers/${name}.md`);
  const page = withModelTable(readFileSync(path, 'utf8'), name);
  if (page !== undefined) writeFileSync(path, page);
}
