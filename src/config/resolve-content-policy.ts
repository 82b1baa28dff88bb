import { resolve } from 'node:path';
import { Secret } from '../core/secret.ts';
import type { ContentPolicyConfig } from './config.ts';
import { reasonOf } from './environment.ts';
import type { Path } from './path.ts';
import type { ContentPolicyTree } from './schema.ts';
import { baseAddress, positiveDuration } from './values.ts';

/** How long a moderation service may take unless told. */
const TIMEOUT_MS = 5_000;

/** What a content policy is read with. */
interface ContentPolicySources {
  readonly cwd: string;
  readonly readFile: (path: string) => string;
  readonly report: (path: Path, message: string) => void;
}

/** The policy with the words of its file; `undefined` when nothing is to be checked. */
export const resolveContentPolicy = (
  { words = [], words_file: file, moderation }: ContentPolicyTree,
  { cwd, readFile, report }: ContentPolicySources,
): ContentPolicyConfig | undefined => {
  const at = (key: string): Path => ['content_policy', 'moderation', key];
  const listed = file === undefined ? [] : readWords(file, { cwd, readFile, report });
  const all = [...words, ...listed];
  if (all.length === 0 && moderation === undefined) return undefined;
  return {
    words: all,
    ...(moderation !== undefined && {
      moderation: {
        url: baseAddress(moderation.url, at('url'), report),
        ...(moderation.api_key !== undefined && { apiKey: new Secret(String(moderation.api_key)) }),
        ...(moderation.model !== undefined && { model: moderation.model }),
        timeoutMs: positiveDuration(moderation.timeout, at('timeout'), report) ?? TIMEOUT_MS,
        onFailure: moderation.on_failure ?? 'refuse',
      },
    }),
  };
};

/** One entry a line; what follows `#` at the start of a line is a comment. */
const readWords = (file: string, { cwd, readFile, report }: ContentPolicySources): readonly string[] => {
  try {
    return readFile(resolve(cwd, file))
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  } catch (error) {
    report(
      ['content_policy', 'words_file'],
      `names the file ${file}, which cannot be read: ${reasonOf(error)}`,
    );
    return [];
  }
};
