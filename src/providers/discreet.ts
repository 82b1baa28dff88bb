import type { CallFailure } from '../core/failure.ts';
import { Secret } from '../core/secret.ts';
import { type Adapter, ProviderError } from './provider.ts';

/** Codes and request ids of upstreams are shorter. */
const MAX_TRACE_CHARACTERS = 128;

/**
 * The adapter with failures that hold none of its credentials, even where the upstream hands back what it was told as its
 * code or request id: callers, rows and the log all have what a failure says. Pictures and handles stay as they are.
 */
export const discreet = (adapter: Adapter, settings: Readonly<Record<string, unknown>>): Adapter => {
  const secrets = Object.values(settings).filter((value) => value instanceof Secret);
  if (secrets.length === 0) return adapter;

  const hide = (text: string): string =>
    secrets.reduce((hidden, secret) => hidden.replaceAll(secret.reveal(), '…'), text);
  const trace = (text: string): string =>
    hide(text)
      .replaceAll(/[^\x20-\x7E…]/g, '')
      .slice(0, MAX_TRACE_CHARACTERS);
  const hidden = ({ upstream, ...failure }: CallFailure): CallFailure => ({
    ...failure,
    message: hide(failure.message),
    ...(upstream !== undefined && {
      upstream: {
        ...upstream,
        ...(upstream.code !== undefined && { code: trace(upstream.code) }),
        ...(upstream.requestId !== undefined && { requestId: trace(upstream.requestId) }),
      },
    }),
  });
  const hiding = async <Answer>(work: Promise<Answer>): Promise<Answer> => {
    try {
      return await work;
    } catch (fault) {
      throw fault instanceof ProviderError ? new ProviderError(hidden(fault.failure)) : fault;
    }
  };

  const check = adapter.check?.bind(adapter);
  const find = adapter.find?.bind(adapter);
  const tryCredentials = adapter.tryCredentials?.bind(adapter);
  return {
    ...adapter,
    card: (model) => adapter.card(model),
    send: (request, context) => hiding(adapter.send(request, context)),
    ...(check && {
      check: async (handle, context) => {
        const progress = await hiding(check(handle, context));
        return progress.state === 'failed' ? { ...progress, failure: hidden(progress.failure) } : progress;
      },
    }),
    ...(find && { find: (context) => hiding(find(context)) }),
    ...(tryCredentials && {
      tryCredentials: (model, context) => hiding(tryCredentials(model, context)),
    }),
  };
};
