import type { FindWord } from '../access/word-list.ts';
import type { ContentCheck } from '../core/content-check.ts';
import { LimnerError } from '../core/errors.ts';
import type { Logger } from '../observe/logger.ts';
import type { Moderation } from '../providers/moderation.ts';

/** What this installation lets nobody ask for. */
export interface ContentPolicy {
  readonly findWord?: FindWord;
  readonly moderation?: Moderation;
  /** What becomes of a prompt when the moderation service does not answer. */
  readonly onFailure: 'refuse' | 'allow';
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

const refused = (): LimnerError =>
  new LimnerError('content_policy_violation', "The prompt is against this server's content policy.", {
    param: 'prompt',
  });

/**
 * Looks at a prompt before anything is accepted or paid. Throws `content_policy_violation`, and `moderation_unavailable`
 * when nobody answers and that is not to pass.
 */
export const checkContent = async (
  { findWord, moderation, onFailure, logger }: ContentPolicy,
  prompt: string,
  keyId: string,
): Promise<readonly ContentCheck[]> => {
  const checks: ContentCheck[] = [];
  if (findWord !== undefined) {
    const word = findWord(prompt);
    if (word !== undefined) {
      logger.info({ key: keyId, by: 'word_list', word }, 'refused a prompt for its content');
      throw refused();
    }
    checks.push({ checked: 'prompt', by: 'word_list', verdict: 'allowed' });
  }
  if (moderation !== undefined) {
    const { service } = moderation;
    let isFlagged: boolean;
    try {
      isFlagged = await moderation.isFlagged(prompt);
    } catch (fault) {
      logger.warn({ service, err: fault }, 'the moderation service did not judge a prompt');
      if (onFailure === 'refuse') throw notJudged(fault);
      return [...checks, { checked: 'prompt', by: 'moderation', service, verdict: 'unchecked' }];
    }
    if (isFlagged) {
      logger.info({ key: keyId, by: 'moderation', service }, 'refused a prompt for its content');
      throw refused();
    }
    checks.push({ checked: 'prompt', by: 'moderation', service, verdict: 'allowed' });
  }
  return checks;
};

const notJudged = (cause: unknown): LimnerError =>
  new LimnerError(
    'moderation_unavailable',
    'The service that judges prompts for this server does not answer. Send the request again in a moment.',
    { cause },
  );
