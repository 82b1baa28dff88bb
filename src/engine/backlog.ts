import type { Adjustment } from '../core/adjustment.ts';
import type { Call } from '../core/call.ts';
import type { Image } from '../core/image.ts';
import { backoffMs } from '../core/retry-policy.ts';

/** A picture that is in the store, and that its call has not told yet. */
export interface Collected {
  readonly image: Image;
  readonly adjustment: Adjustment | undefined;
  /** The upstream's own file, when a fitted one was stored in its place. */
  readonly leftover: string | undefined;
}

/** The pictures of one call between `produced` and `stored`. */
export interface Unstored {
  /** Those that are in the store, by their place, while others of the call are not. */
  readonly collected: Map<number, Collected>;
  /** How often the store has not taken one. */
  refusals: number;
}

type CallId = Pick<Call, 'id' | 'taskId'>;

/**
 * Pictures that were made and are not in the image store: they lie on this disk, and stay for as long as the store is
 * away. So that the disk has room for them, no task begins while there are too many.
 */
export interface Backlog {
  /** Counts the pictures of a call until they are released; the same call is counted once. */
  hold(call: CallId, pictures: number): Unstored;
  /** They are in the store, or nobody wants them any more. */
  release(call: CallId): void;
  /** Releases what is left of a task that this process has no more to do with. */
  forget(taskId: string): void;
  readonly isFull: boolean;
  readonly pictures: number;
}

/**
 * @param settings.limit of pictures.
 * @param settings.onRoom called when there is room again.
 */
export const createBacklog = (settings: { readonly limit: number; readonly onRoom: () => void }): Backlog => {
  const { limit, onRoom } = settings;
  const tasks = new Map<string, Map<string, Unstored & { readonly pictures: number }>>();
  let pictures = 0;

  const subtract = (gone: number): void => {
    const wasFull = pictures >= limit;
    pictures -= gone;
    if (wasFull && pictures < limit) onRoom();
  };

  return {
    hold: (call, count) => {
      const calls = tasks.get(call.taskId) ?? new Map();
      tasks.set(call.taskId, calls);
      const known = calls.get(call.id);
      if (known !== undefined) return known;
      const unstored = { collected: new Map<number, Collected>(), refusals: 0, pictures: count };
      calls.set(call.id, unstored);
      pictures += count;
      return unstored;
    },
    release: ({ id, taskId }) => {
      const calls = tasks.get(taskId);
      const gone = calls?.get(id)?.pictures ?? 0;
      calls?.delete(id);
      if (calls?.size === 0) tasks.delete(taskId);
      subtract(gone);
    },
    forget: (taskId) => {
      const calls = [...(tasks.get(taskId)?.values() ?? [])];
      tasks.delete(taskId);
      subtract(calls.reduce((sum, call) => sum + call.pictures, 0));
    },
    get isFull() {
      return pictures >= limit;
    },
    get pictures() {
      return pictures;
    },
  };
};

/**
 * How long the store is left alone after it has not taken a picture: from a second to half a minute, so that many
 * pictures neither come back together nor long after the store.
 *
 * @param random from 0 to 1.
 */
export const storePauseMs = (refusals: number, random: number): number =>
  500 + backoffMs(refusals, 0.5 + random / 2);
