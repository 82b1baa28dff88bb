import type { Config } from '../config/config.ts';
import type { Spool } from '../images/spool.ts';
import type { GuardedFetcher } from '../providers/guarded-fetch.ts';
import type { UpstreamConnection } from '../providers/upstream-client.ts';

/** What speaks HTTP to the outside. */
export interface Outside {
  /** For addresses that come from outside. */
  readonly fetcher: GuardedFetcher;
  /** For the configured address of a provider. */
  readonly connect: (baseUrl: string) => Promise<UpstreamConnection>;
  close(): Promise<void>;
}

/** Its client is loaded when somebody needs it: an idle sandbox saves 25 MB. */
export const createOutside = (config: Pick<Config, 'fetchAllow'>, spool: Spool): Outside => {
  let guarded: Promise<GuardedFetcher> | undefined;
  const guard = (): Promise<GuardedFetcher> =>
    (guarded ??= import('../providers/fetch-guard.ts').then(({ createGuardedFetcher }) =>
      createGuardedFetcher({ allow: config.fetchAllow }),
    ));
  const fetcher: GuardedFetcher = {
    fetchToSink: async (url, order) => (await guard()).fetchToSink(url, order),
    post: async (url, order) => (await guard()).post(url, order),
    close: async () => (await guarded)?.close(),
  };
  const closing: (() => Promise<void>)[] = [() => fetcher.close()];
  const connect = async (baseUrl: string): Promise<UpstreamConnection> => {
    const { createUpstreamClient, createUpstreamDispatcher } =
      await import('../providers/upstream-client.ts');
    const dispatcher = createUpstreamDispatcher();
    closing.push(() => dispatcher.destroy());
    return createUpstreamClient({ baseUrl, dispatcher, sink: spool });
  };
  return {
    fetcher,
    connect,
    close: async () => {
      await Promise.all(closing.map((close) => close()));
    },
  };
};
