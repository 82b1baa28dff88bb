/**
 * Writes `openapi.json`, the description of the HTTP interface that the server hands out, to the root of the
 * repository or to the path given.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOpenApi } from '../src/http/openapi.ts';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const path = process.argv[2] ?? join(root, 'openapi.json');
writeFileSync(path, `${JSON.stringify(await buildOpenApi(version), null, 2)}\n`);
