import { createWordList } from '../access/word-list.ts';
import type { ContentPolicy } from '../actions/check-content.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../observe/logger.ts';
import type { Outside } from './outside.ts';

/** What prompts are checked with; `undefined` when nothing is configured. */
export const openContentPolicy = async (
  { contentPolicy }: Pick<Config, 'contentPolicy'>,
  { connect }: Pick<Outside, 'connect'>,
  logger: Logger,
): Promise<ContentPolicy | undefined> => {
  if (contentPolicy === undefined) return undefined;
  const { words, moderation } = contentPolicy;
  const { createModeration } = await import('../providers/moderation.ts');
  return {
    ...(words.length > 0 && { findWord: createWordList(words) }),
    ...(moderation !== undefined && {
      moderation: createModeration({ ...moderation, connection: await connect(moderation.url) }),
    }),
    onFailure: moderation?.onFailure ?? 'refuse',
    logger,
  };
};
