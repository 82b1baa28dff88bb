/**
 * Short messages that reach every node of a fleet, the sender too. They may be lost: whoever needs certainty looks again
 * now and then.
 */
export interface Bulletin {
  /** @param text at most 1,000 characters. */
  publish(topic: string, text: string): void;
  /** Calls back with each text of the topic until the returned function is called. */
  subscribe(topic: string, listener: (text: string) => void): () => void;
}
