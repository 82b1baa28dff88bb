/** Prints what is shipped as CycloneDX, from the lock: `npm run -s sbom > limner.cdx.json`. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string };
const written = execFileSync(
  'npm',
  ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--omit=dev'],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  },
);
const bom = JSON.parse(written) as { metadata: { component: object } };
// npm names the whole after the folder it lies in.
console.log(
  JSON.stringify(
    { ...bom, metadata: { ...bom.metadata, component: { ...bom.metadata.component, name } } },
    null,
    2,
  ),
);
