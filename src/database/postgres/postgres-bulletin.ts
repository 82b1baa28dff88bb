import { EventEmitter } from 'node:events';
import { Client } from 'pg';
import type { Bulletin } from '../../core/bulletin.ts';
import type { Clock } from '../../core/clock.ts';

const CHANNEL = 'limner';

/** Messages that come within this time travel together: each NOTIFY makes every commit of the server wait a little. */
const TOGETHER_MS = 3;

/** PostgreSQL takes fewer than 8,000 bytes in a message. */
const MOST_CHARACTERS = 3_800;

const RECONNECT_AFTER_MS = 500;

/** A bulletin by LISTEN and NOTIFY, over a connection of its own. */
export interface PostgresBulletin extends Bulletin {
  close(): Promise<void>;
}

/**
 * @param settings.onFault hears that the connection broke; another one is opened, and what was said meanwhile is lost.
 * @throws Error when the server cannot be reached now.
 */
export const openPostgresBulletin = async (settings: {
  readonly url: string;
  readonly clock: Clock;
  readonly onFault: (fault: unknown) => void;
}): Promise<PostgresBulletin> => {
  const { url, clock, onFault } = settings;
  const emitter = new EventEmitter().setMaxListeners(0);
  let client: Client | undefined;
  let waiting: string[] = [];
  let sending: Promise<void> = Promise.resolve();
  let cancelFlush: (() => void) | undefined;
  let cancelReconnect = (): void => {};
  let isClosed = false;

  const connect = async (): Promise<void> => {
    const connecting = new Client({
      connectionString: url,
      application_name: 'limner bulletin',
      keepAlive: true,
    });
    connecting.on('notification', ({ payload = '' }) => {
      for (const line of payload.split('\n')) {
        const end = line.indexOf(' ');
        emitter.emit(line.slice(0, end), line.slice(end + 1));
      }
    });
    connecting.on('error', onFault);
    await connecting.connect();
    await connecting.query(`listen ${CHANNEL}`);
    connecting.once('end', reconnect);
    client = connecting;
  };

  const reconnect = (): void => {
    client = undefined;
    if (isClosed) return;
    cancelReconnect = clock.after(RECONNECT_AFTER_MS, () => {
      connect().catch((fault: unknown) => {
        onFault(fault);
        reconnect();
      });
    });
  };

  const flush = async (): Promise<void> => {
    cancelFlush = undefined;
    const lines = waiting;
    waiting = [];
    while (lines.length > 0) {
      let payload = lines.shift() ?? '';
      while (lines[0] !== undefined && payload.length + lines[0].length < MOST_CHARACTERS) {
        payload += `\n${lines.shift()}`;
      }
      await client?.query('select pg_notify($1, $2)', [CHANNEL, payload]);
    }
  };

  await connect();
  return {
    publish: (topic, text) => {
      waiting.push(`${topic} ${text}`);
      cancelFlush ??= clock.after(TOGETHER_MS, () => {
        sending = sending.then(flush).catch(onFault);
      });
    },
    subscribe: (topic, listener) => {
      emitter.on(topic, listener);
      return () => void emitter.off(topic, listener);
    },
    close: async () => {
      isClosed = true;
      cancelReconnect();
      cancelFlush?.();
      await sending.then(flush).catch(onFault);
      await client?.end();
    },
  };
};
