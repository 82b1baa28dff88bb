/** The nodes that share a database: who is there, what each serves, and which part of a limit is whose. */
import type { JsonValue } from '../core/json.ts';
import type { NodeRole } from '../core/node-role.ts';

/** A node that gave a sign of life a short while ago. */
export interface FleetNode {
  readonly id: string;
  readonly role: NodeRole;
  /** What it serves, in the words of whoever put it there; `null` for a node that takes requests only. */
  readonly offer: JsonValue;
}

export interface Fleet {
  /** How many of `total` places are this node's, so that all workers together have no more. */
  partOf(limitName: string, total: number): number;
  /** Whether this node was heard by the others, and heard them, a short while ago. */
  readonly isTogether: boolean;
  /** The nodes that are there now, this one too. */
  readonly nodes: readonly FleetNode[];
  /** Calls back when nodes came, went, or serve something else. */
  onChange(listener: () => void): void;
}

/** The fleet of one: everything is its own. */
export const fleetOfOne = (node: FleetNode): Fleet => ({
  partOf: (_, total) => total,
  isTogether: true,
  nodes: [node],
  onChange: () => {},
});

/** A number from a name, the same on every node (FNV-1a). */
const spread = (name: string): number => {
  let hash = 0x811c9dc5;
  for (let place = 0; place < name.length; place += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(place), 0x01000193) >>> 0;
  }
  return hash;
};

/**
 * The part of `total` that falls to one of the workers. What cannot be divided goes to some of them, to others for
 * another limit.
 */
export const partOfWorker = (
  workers: readonly string[],
  self: string,
  limitName: string,
  total: number,
): number => {
  const others = workers.filter((worker) => worker !== self);
  const place = others.filter((worker) => worker < self).length;
  const count = others.length + 1;
  const rest = total % count;
  const isLucky = (place + spread(limitName)) % count < rest;
  return Math.floor(total / count) + (isLucky ? 1 : 0);
};
