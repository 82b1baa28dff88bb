/** How many attempts are made at once. */
const PLACES = 16;
/** To one host that answers soon. */
const PLACES_PER_HOST = 4;
/** To all other hosts together, of which each gets one: those that hang never take every place. */
const PLACES_FOR_DOUBTFUL = 8;

/** How many hosts are remembered as quick. */
const REMEMBERED_HOSTS = 10_000;

/** Who may be told now, so that hosts that hang or are slow never hold up the others. */
export interface Places {
  /** How many more attempts may be made to this host. */
  free(host: string): number;
  /** Whether any attempt is made to this host. */
  has(host: string): boolean;
  take(host: string): void;
  /** Gives a place back. @param isQuick whether the host answered soon, if that is known. */
  release(host: string, isQuick: boolean | undefined): void;
}

/** Places that are all free. */
export const createPlaces = (): Places => {
  const quick = new Set<string>();
  /** Places taken, by host; there are few, so sums are cheap. */
  const taken = new Map<string, number>();

  const sumOf = (isCounted: (host: string) => boolean): number => {
    let sum = 0;
    for (const [host, here] of taken) if (isCounted(host)) sum += here;
    return sum;
  };

  return {
    free: (host) => {
      const here = taken.get(host) ?? 0;
      const left = PLACES - sumOf(() => true);
      return quick.has(host)
        ? Math.min(left, PLACES_PER_HOST - here)
        : Math.min(left, PLACES_FOR_DOUBTFUL - sumOf((other) => !quick.has(other)), 1 - here);
    },
    has: (host) => taken.has(host),
    take: (host) => void taken.set(host, (taken.get(host) ?? 0) + 1),
    release: (host, isQuick) => {
      const here = (taken.get(host) ?? 0) - 1;
      if (here > 0) taken.set(host, here);
      else taken.delete(host);
      if (isQuick === false) quick.delete(host);
      if (isQuick !== true) return;
      if (quick.size >= REMEMBERED_HOSTS) quick.clear();
      quick.add(host);
    },
  };
};
