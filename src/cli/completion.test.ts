import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** What the program writes for these arguments. */
const outputOf = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(root, 'bin/limner.js'), ...args])).stdout;

describe('completion', () => {
  test('knows the commands, their subcommands and their options', async () => {
    expect(await outputOf('complete', '--', 'gen')).toMatch(/^generate\t/);
    expect(await outputOf('complete', '--', 'tasks', '')).toMatch(/^list\t.*\nshow\t.*\nwatch\t.*\ncancel\t/);
    expect(await outputOf('complete', '--', 'generate', 'x', '--neg')).toMatch(/^--negative-prompt\t/);
  });

  test('has a script for each shell, of which bash reads its own', async () => {
    for (const shell of ['zsh', 'fish', 'powershell']) {
      expect(await outputOf('completion', shell)).toContain('limner complete');
    }
    const script = await outputOf('completion', 'bash');
    const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\ncomplete -p limner`]);
    expect(stdout).toContain('limner');
  });

  test('of another shell is refused with 2', async () => {
    await expect(outputOf('completion', 'tcsh')).rejects.toMatchObject({ code: 2 });
  });

  test('is listed in the help', async () => {
    expect(await outputOf('help')).toContain('completion <shell>');
  });
});
