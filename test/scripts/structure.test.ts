import { describe, expect, it } from 'vitest';
import { faultOfFile, faultOfImport, importsOf } from '../../scripts/structure.ts';

describe('importsOf', () => {
  it('finds every form of a relative import and nothing in comments', () => {
    const text = [
      "import { readFile } from 'node:fs/promises';",
      "import type { Task } from '../core/task.ts';",
      "import {\n  a,\n  b,\n} from './two.ts';",
      "export * from './three.ts';",
      "import './four.ts';",
      "const five = await import('./five.ts');",
      "// import { x } from './comment.ts';",
      "/** import { x } from './docs.ts'; */",
    ].join('\n');
    expect(importsOf('src/engine/runner.ts', text).map(({ to }) => to)).toEqual([
      'src/core/task.ts',
      'src/engine/two.ts',
      'src/engine/three.ts',
      'src/engine/four.ts',
      'src/engine/five.ts',
    ]);
  });
});

describe('faultOfImport', () => {
  it.each([
    ['src/engine/runner.ts', 'src/core/task.ts'],
    ['src/tasks/sql-task-store.ts', 'src/database/database.ts'],
    ['src/providers/kling/index.ts', 'src/providers/provider.ts'],
    ['src/providers/kling/index.ts', 'src/providers/kling/request.ts'],
    ['src/providers/registry.ts', 'src/providers/kling/index.ts'],
    ['src/app.ts', 'src/tasks/sqlite/sqlite-task-store.ts'],
    ['src/tasks/sqlite/claim.ts', 'src/tasks/sqlite/record.ts'],
    ['src/main.ts', 'src/cli/commands/serve.ts'],
    ['src/cli/commands/upstreams.ts', 'upstreams/ark/server.ts'],
    ['src/http/server.ts', 'package.json'],
    ['src/core/task.test.ts', 'src/http/server.ts'],
    ['src/tasks/contract/describe-task-store.ts', 'src/providers/sandbox/index.ts'],
    ['bench/main.ts', 'src/app.ts'],
    ['client/src/client.ts', 'client/src/errors.ts'],
  ])('lets %s import %s', (from, to) => {
    expect(faultOfImport({ from, to })).toBeUndefined();
  });

  it.each([
    ['src/core/task.ts', 'src/tasks/task-store.ts', 'tasks is above core'],
    ['src/engine/runner.ts', 'src/actions/create-task.ts', 'siblings'],
    ['src/actions/create-task.ts', 'src/engine/runner.ts', 'siblings'],
    ['src/http/server.ts', 'src/cli/commands/serve.ts', 'siblings'],
    ['src/images/fit.ts', 'src/database/database.ts', 'siblings'],
    ['src/cli/commands/serve.ts', 'src/app.ts', 'app is above cli'],
    ['src/providers/kling/index.ts', 'src/providers/ark/errors.ts', 'name an adapter'],
    ['src/providers/provider.ts', 'src/providers/ark/index.ts', 'name an adapter'],
    ['src/engine/runner.ts', 'src/providers/sandbox/index.ts', 'name an adapter'],
    ['src/engine/runner.ts', 'src/tasks/sqlite/sqlite-task-store.ts', 'concrete store'],
    ['src/access/keys.ts', 'src/database/sqlite.ts', 'concrete store'],
    ['src/engine/runner.ts', 'src/tasks/contract/describe-task-store.ts', 'test material'],
    ['src/app.ts', 'upstreams/ark/server.ts', 'emulators'],
    ['src/app.ts', 'scripts/build.ts', 'outside src'],
    ['upstreams/ark/server.ts', 'src/core/json.ts', 'emulators'],
  ])('forbids %s to import %s', (from, to, reason) => {
    expect(faultOfImport({ from, to })).toContain(reason);
  });
});

describe('faultOfFile', () => {
  it('knows the layer of every folder', () => {
    expect(faultOfFile('src/core/task.ts', '')).toBeUndefined();
    expect(faultOfFile('src/helpers/text.ts', '')).toContain('no layer');
  });

  it('keeps the clock out of the core', () => {
    expect(faultOfFile('src/core/task.ts', 'const now = new Date();')).toContain('clock');
    expect(faultOfFile('src/core/task.ts', 'const day = new Date(ms);')).toBeUndefined();
    expect(faultOfFile('src/engine/runner.ts', 'const now = new Date();')).toBeUndefined();
  });
});
