/**
 * Kling's image API, the family under `/v1` with `model_name` in the body: a task is submitted and asked for. Our
 * call id is its `external_task_id`, which the vendor keeps unique and answers queries by, so that a call whose
 * answer was lost is looked up and never paid for twice.
 */
import type { Accepted, Adapter, TrialContext } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { toFailure } from './errors.ts';
import { cardOf, cards } from './models.ts';
import { toBody } from './request.ts';
import { isDuplicate, isUnknownTask, readEnvelope, readProgress, taskIdOf } from './response.ts';
import { settingsSchema } from './settings.ts';
import type { KlingSettings } from './settings.ts';
import { bearerToken } from './token.ts';

/** What the vendor is asked by: its `task_id`, or our `external_task_id`, which it takes as well. */
export type KlingHandle = { readonly task: string };

const path = '/v1/images/generations';

/** A picture takes 24 s live; asking before five makes no sense (sheet section 5). */
const firstCheckMs = 5_000;

const accepted = (task: string, checkAfterMs: number): Accepted<KlingHandle> => ({
  state: 'accepted',
  handle: { task },
  checkAfterMs,
});

const ask = async (task: string, context: TrialContext<KlingSettings>) =>
  context.http.exchange({
    method: 'GET',
    path: `${path}/${encodeURIComponent(task)}`,
    headers: { authorization: `Bearer ${await bearerToken(context.settings, context.nowMs)}` },
  });

/** The adapter for Kling; `base_url` chooses between the global site (the default) and China, whose keys differ. */
export const kling: Adapter<KlingSettings, KlingHandle> = {
  name: 'kling',
  settingsSchema,
  defaultBaseUrl: 'https://api-singapore.klingai.com',
  resend: 'lookup',
  countsPictures: true,
  cards,
  card: cardOf,
  send: async (request, context) => {
    const { callId, settings, nowMs } = context;
    const body = await toBody(request, callId, context.reference);
    const answer = await context.http.exchange({
      method: 'POST',
      path,
      headers: {
        authorization: `Bearer ${await bearerToken(settings, nowMs)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    const read = readEnvelope(answer);
    if (read.kind === 'task') return accepted(taskIdOf(read.task, answer), firstCheckMs);
    if (isDuplicate(read.error)) return accepted(callId, 0);
    throw new ProviderError(toFailure(read.error, answer, context));
  },
  check: async (handle, context) => readProgress(await ask(handle.task, context), context),
  find: async (context) => {
    const answer = await ask(context.callId, context);
    const read = readEnvelope(answer);
    if (read.kind === 'task') return accepted(taskIdOf(read.task, answer), 0);
    if (isUnknownTask(read.error)) return 'absent';
    throw new ProviderError(toFailure(read.error, answer, context));
  },
  // Whoever may be told that there is no such task is let in (sheet section 5).
  tryCredentials: async (_, context) => {
    const answer = await ask(context.callId, context);
    const read = readEnvelope(answer);
    if (read.kind === 'task' || isUnknownTask(read.error)) return 'works';
    throw new ProviderError(toFailure(read.error, answer, context));
  },
};
