import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RequestLimiter } from '../request-limiter.ts';

/** A limiter to be tried, one for each node, over a clock that the test moves. */
export interface RequestLimiterSubject {
  readonly nodes: readonly RequestLimiter[];
  readonly advance: (ms: number) => void;
  close(): Promise<void>;
}

/** The promises of every request limiter. */
export const describeRequestLimiter = (name: string, open: () => Promise<RequestLimiterSubject>): void => {
  describe(`request limiter: ${name}`, () => {
    let subject: RequestLimiterSubject;
    let first: RequestLimiter;

    beforeEach(async () => {
      subject = await open();
      [first = { take: () => expect.fail('There is no node') }] = subject.nodes;
    });
    afterEach(() => subject.close());

    it('counts down, refuses what is beyond, and says until when', async () => {
      const taken = [];
      for (let request = 0; request < 4; request += 1) {
        taken.push(await first.take('key_1', 3));
        subject.advance(1_000);
      }
      expect(taken).toEqual([
        { isAllowed: true, remaining: 2, resetMs: 60_000 },
        { isAllowed: true, remaining: 1, resetMs: 59_000 },
        { isAllowed: true, remaining: 0, resetMs: 58_000 },
        { isAllowed: false, remaining: 0, resetMs: 57_000 },
      ]);
    });

    it('begins a new minute with the first request after the last', async () => {
      await first.take('key_1', 1);
      subject.advance(59_999);
      expect(await first.take('key_1', 1)).toMatchObject({ isAllowed: false, resetMs: 1 });
      subject.advance(1);
      expect(await first.take('key_1', 1)).toEqual({ isAllowed: true, remaining: 0, resetMs: 60_000 });
    });

    it('counts each key by itself', async () => {
      await first.take('key_1', 1);
      expect(await first.take('key_2', 1)).toMatchObject({ isAllowed: true });
    });

    it('holds a lower limit at once', async () => {
      for (let request = 0; request < 5; request += 1) await first.take('key_1', 10);
      expect(await first.take('key_1', 5)).toMatchObject({ isAllowed: false });
      expect(await first.take('key_1', 10)).toMatchObject({ isAllowed: true });
    });

    it('allows exactly the limit of what comes at once on all nodes', async () => {
      const taken = await Promise.all(
        Array.from({ length: 500 }, async (_, request) =>
          (subject.nodes[request % subject.nodes.length] ?? first).take('key_1', 100),
        ),
      );
      expect(taken.filter(({ isAllowed }) => isAllowed)).toHaveLength(100);
    });
  });
};
