/** First in, first out within a key; turns go round among the keys, so that nobody waits behind somebody's thousands. */
export interface FairQueue<Item> {
  push(keyId: string, item: Item): void;
  /** The item whose turn it is, left in its place. */
  peek(): Item | undefined;
  /** Takes the item that `peek` shows; its key goes to the end of the round. */
  shift(): Item | undefined;
  /** Takes, from the head of each key's line, the items for which this holds. */
  shiftWhile(holds: (item: Item) => boolean): readonly Item[];
  readonly size: number;
}

/** A line that takes from its head without moving the rest. */
interface Line<Item> {
  items: Item[];
  head: number;
}

/** An empty queue. */
export const createFairQueue = <Item>(): FairQueue<Item> => {
  // NOTE: a Map keeps the order of insertion, so the first entry is the key whose turn it is.
  const lines = new Map<string, Line<Item>>();
  let size = 0;

  const first = (): [string, Line<Item>] | undefined => lines.entries().next().value;

  const take = (line: Line<Item>): Item | undefined => {
    const item = line.items[line.head];
    line.head += 1;
    if (line.head > 1000 && line.head * 2 > line.items.length) {
      line.items = line.items.slice(line.head);
      line.head = 0;
    }
    size -= 1;
    return item;
  };

  return {
    push: (keyId, item) => {
      const line = lines.get(keyId);
      if (line === undefined) lines.set(keyId, { items: [item], head: 0 });
      else line.items.push(item);
      size += 1;
    },
    peek: () => {
      const turn = first();
      return turn?.[1].items[turn[1].head];
    },
    shift: () => {
      const turn = first();
      if (turn === undefined) return undefined;
      const [keyId, line] = turn;
      const item = take(line);
      lines.delete(keyId);
      if (line.head < line.items.length) lines.set(keyId, line);
      return item;
    },
    shiftWhile: (holds) => {
      const taken: Item[] = [];
      for (const [keyId, line] of lines) {
        for (
          let item = line.items[line.head];
          item !== undefined && holds(item);
          item = line.items[line.head]
        ) {
          taken.push(item);
          take(line);
        }
        if (line.head >= line.items.length) lines.delete(keyId);
      }
      return taken;
    },
    get size() {
      return size;
    },
  };
};
