/** A place among the calls that one upstream model handles at once. */
export interface Slot {
  /** Gives the place back; doing it twice is the same as once. */
  release(): void;
}

interface Waiter {
  readonly weight: number;
  readonly grant: (slot: Slot) => void;
}

/** How many calls an upstream model handles at once, and who waits for a place. */
export class Gate {
  readonly #capacity: () => number;
  readonly #onFree: () => void;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;

  /**
   * @param capacity how many places there are, which may change; what has begun gets one although there is none.
   * @param onFree called whenever a place came free that nobody waits for.
   */
  constructor(capacity: () => number, onFree: () => void) {
    this.#capacity = capacity;
    this.#onFree = onFree;
  }

  /** How many places are taken, and how many there are. */
  get reading(): { readonly taken: number; readonly places: number } {
    return { taken: this.#taken, places: this.#capacity() };
  }

  /** Whether a call could start now without passing anybody who waits. */
  get isOpen(): boolean {
    return this.#waiters.size === 0 && this.#taken < this.#capacity();
  }

  /** Takes places although none may be free: for what was let in or sent already. */
  force(weight: number): Slot {
    this.#taken += weight;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#taken -= weight;
        this.#admit();
      },
    };
  }

  /** Waits for its turn. @throws the signal's reason when it is aborted first. */
  take(weight: number, signal: AbortSignal): Promise<Slot> {
    signal.throwIfAborted();
    const capacity = this.#places;
    const fitting = Math.min(weight, capacity);
    if (this.#waiters.size === 0 && this.#taken + fitting <= capacity)
      return Promise.resolve(this.force(fitting));
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        reject(signal.reason as Error);
        this.#admit();
      };
      const waiter: Waiter = {
        weight: fitting,
        grant: (slot) => {
          signal.removeEventListener('abort', leave);
          resolve(slot);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  get #places(): number {
    return Math.max(1, this.#capacity());
  }

  #admit(): void {
    for (const waiter of this.#waiters) {
      // Nothing is at work: then there is room for it, however few places are left.
      if (this.#taken > 0 && this.#taken + waiter.weight > this.#places) return;
      this.#waiters.delete(waiter);
      waiter.grant(this.force(waiter.weight));
    }
    if (this.isOpen) this.#onFree();
  }
}
