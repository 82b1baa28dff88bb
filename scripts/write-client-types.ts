/** Writes the types of `/v1` for the client, from `openapi.json`, to `client/src/schemas.ts` or to the path given. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from 'json-schema-to-typescript';

const root = join(import.meta.dirname, '..');
const path = process.argv[2] ?? join(root, 'client/src/schemas.ts');

/** Names that every runtime has given away already. */
const renamed: Readonly<Record<string, string>> = { Error: 'ErrorBody', Image: 'TaskImage' };

const text = readFileSync(join(root, 'openapi.json'), 'utf8').replaceAll(
  /#\/components\/schemas\/(\w+)/g,
  (_reference, name: string) => `#/definitions/${renamed[name] ?? name}`,
);
const { components } = JSON.parse(text) as {
  readonly components: { readonly schemas: Readonly<Record<string, { readonly title: string }>> };
};
const definitions = Object.fromEntries(
  Object.entries(components.schemas)
    .filter(([name]) => !name.startsWith('OpenAi'))
    .map(([name, schema]) => {
      const title = renamed[name] ?? name;
      return [title, { ...schema, title }];
    }),
);
const types = await compile({ definitions, title: 'Schemas', additionalProperties: false }, 'Schemas', {
  additionalProperties: false,
  bannerComment: '/** Made from openapi.json by scripts/write-client-types.ts. */',
  unreachableDefinitions: true,
  style: { printWidth: 110, singleQuote: true, trailingComma: 'all' },
});
// What the library says of the frame that the schemas had to be put into.
const frame =
  /export interface Schemas \{\}\n|\/\*\*\n \* This interface was referenced by [^\n]*\n[^\n]*\n \*\/\n|\n \*\n \* This interface was referenced by [^\n]*\n[^\n]*(?=\n \*\/)/g;
writeFileSync(path, types.replaceAll(frame, ''));
