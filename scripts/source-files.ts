import { globSync } from 'node:fs';

/** Whether a file is test material: it may import anything and is not shipped. */
export const isTestMaterial = (path: string): boolean =>
  path.endsWith('.test.ts') || path.startsWith('test/') || path.includes('/contract/');

/** The TypeScript files under the given folders of the repository, as sorted paths with `/`. */
export const sourceFiles = (root: string, folders: readonly string[]): string[] =>
  folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
