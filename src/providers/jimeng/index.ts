/**
 * Jimeng on Volcengine's visual API: submit a task, then ask for it. It keeps no ids of ours and lists no tasks, so a
 * call whose answer was lost may have been paid for and cannot be found.
 */
import type { Adapter } from '../provider.ts';
import { cardOf, cards } from './models.ts';
import { toQueryBody, toRequest, toSubmitBody } from './request.ts';
import type { JimengHandle } from './request.ts';
import { readQuery, readSubmit, readTrial } from './response.ts';
import { settingsSchema } from './settings.ts';
import type { JimengSettings } from './settings.ts';

/** The adapter for Jimeng. Its account usually has one slot for each model: give providers a `concurrency` of it. */
export const jimeng: Adapter<JimengSettings, JimengHandle> = {
  name: 'jimeng',
  settingsSchema,
  defaultBaseUrl: 'https://visual.volcengineapi.com',
  resend: 'ambiguous',
  cards,
  card: cardOf,
  send: async (request, context) => {
    const body = await toSubmitBody(request, context.reference);
    const answer = await context.http.exchange(toRequest('CVSync2AsyncSubmitTask', body, context));
    return readSubmit(answer, { req_key: request.model, watermark: request.watermark }, context);
  },
  check: async (handle, context) => {
    const answer = await context.http.exchange(
      toRequest('CVSync2AsyncGetResult', toQueryBody(handle), context),
    );
    return readQuery(answer, handle, context);
  },
  // A query of a task that does not exist (sheet section 8.3).
  tryCredentials: async (upstreamModel, context) => {
    const body = { req_key: upstreamModel, task_id: '0'.repeat(19) };
    readTrial(await context.http.exchange(toRequest('CVSync2AsyncGetResult', body, context)), context);
    return 'works';
  },
};
