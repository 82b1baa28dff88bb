/** Work that one process does for all, such as clean-up. */

/** What ends a duty: whoever has it comes to rest. */
export type EndDuty = () => Promise<void>;

export interface Duties {
  /** Begins the duty whenever it falls to this process, and ends it when it falls to another one. */
  hold(name: string, begin: () => EndDuty): Promise<void>;
  /** Ends and gives up all of them. */
  stop(): Promise<void>;
}

/** Every duty falls to this process, which is alone. */
export const createOwnDuties = (): Duties => {
  const ends: EndDuty[] = [];
  return {
    hold: (_, begin) => {
      ends.push(begin());
      return Promise.resolve();
    },
    stop: async () => {
      await Promise.all(ends.map((end) => end()));
    },
  };
};
