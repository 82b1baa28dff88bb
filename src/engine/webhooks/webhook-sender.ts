/**
 * Tells others of endings, at least once. The table says what is due; memory holds the attempts that are being made
 * and a few that are next, so a crash between an attempt and its record means that the same event is sent again, under
 * the same id.
 */
import type { Clock } from '../../core/clock.ts';
import { type AttemptOutcome, type Delivery, judgeAttempt } from '../../core/webhook.ts';
import type { Logger } from '../../observe/logger.ts';
import type { Meter } from '../../observe/meter.ts';
import type { AttemptRecord, WebhookStore } from '../../webhooks/webhook-store.ts';
import type { ReachFaultPoint } from '../fault-points.ts';
import { attemptDelivery, type AttemptParts } from './attempt.ts';
import { createPlaces } from './places.ts';
import { createRecorder } from './recorder.ts';

/** What telling others works with. */
export interface WebhookSenderParts extends AttemptParts {
  readonly webhooks: Pick<WebhookStore, 'signingOf' | 'pendingHosts' | 'due' | 'recordAttempts'>;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly meter: Pick<Meter, 'webhookTried'>;
  readonly reach: ReachFaultPoint;
}

export interface WebhookSender {
  /** Begins with whatever is due. */
  start(): void;
  /** Something may have come due. */
  wake(): void;
  /** Begins nothing more, and resolves when the attempts at work have ended. */
  stop(): Promise<void>;
  /** Breaks off the attempts at work; they are made again at the next start. */
  abandon(): void;
}

/** However often it is woken, the table is asked no more often than this. */
const LOOK_PAUSE_MS = 20;

/** How many deliveries to a host are read ahead. */
const READ_AHEAD = 32;

/** However late the next delivery is due, the table is asked again after this: clocks jump. */
const LOOK_EVERY_MS = 60_000;

/** A host that takes longer to answer gets one place, as one that does not answer at all. */
const SLOW_MS = 5_000;

/** How long a delivery rests after a fault of ours, such as a full disk: its receiver must not be flooded. */
const PAUSE_AFTER_FAULT_MS = 60_000;

/** How many events that were taken may wait to be written down; a crash then sends as many again. */
const MOST_UNWRITTEN = 64;

const noTimer = { atMs: Number.POSITIVE_INFINITY, cancel: (): void => {} };

/** What an attempt made of its delivery. */
const recordOf = (
  delivery: Delivery,
  outcome: AttemptOutcome,
  atMs: number,
  random: number,
): AttemptRecord => {
  const verdict = judgeAttempt(outcome, delivery.attempts + 1, random);
  const known = { delivery, atMs, ...(outcome.kind === 'answered' && { status: outcome.status }) };
  switch (verdict.next) {
    case 'delivered':
      return { ...known, state: 'delivered' };
    case 'again':
      return { ...known, state: 'pending', nextAttemptAtMs: atMs + verdict.delayMs, error: verdict.error };
    case 'failed':
      return {
        ...known,
        state: 'failed',
        error: verdict.error,
        ...(verdict.isGone && { disableReason: verdict.error }),
      };
  }
};

/** Tells others of endings, from `start` to `stop`. */
export const createWebhookSender = (parts: WebhookSenderParts): WebhookSender => {
  const { webhooks, clock, random, logger, meter, reach } = parts;
  const places = createPlaces();
  const recorder = createRecorder(webhooks, clock);
  const atWork = new Map<string, Promise<void>>();
  /** How many of them have a place; the others were taken by their receivers, and wait to be written down. */
  let placed = 0;
  /** Deliveries that rest after a fault of ours. */
  const resting = new Set<string>();
  /** Deliveries that are due, read ahead by host. */
  const next = new Map<string, Delivery[]>();
  /** Hosts that may have more deliveries that are due than were read. */
  const unread = new Set<string>();
  /** Hosts that had a turn, the last one last. */
  const served = new Set<string>();
  const abandoned = new AbortController();
  let isRunning = false;
  let looking: Promise<void> | undefined;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether a host without any place waits for one. */
  let isCrowded = false;
  let timer = noTimer;

  const tell = (record: AttemptRecord): void => {
    const { delivery, state, status, error } = record;
    meter.webhookTried(state === 'pending' ? 'again' : state);
    const line = {
      delivery: delivery.id,
      task: delivery.taskId,
      endpoint: delivery.endpointId,
      status,
      error,
    };
    if (record.disableReason !== undefined && delivery.endpointId !== undefined) {
      logger.warn(line, 'a webhook endpoint wants no more events and was disabled');
    } else if (state === 'failed') logger.warn(line, 'a webhook was given up');
    else logger.debug(line, 'a webhook was tried');
  };

  /** @param leave gives the place back, with whether the host answered soon, if that is known. */
  const attempt = async (
    delivery: Delivery,
    leave: (isQuick: boolean | undefined) => void,
  ): Promise<void> => {
    const startedAtMs = clock.nowMs();
    const outcome = await attemptDelivery(parts, delivery, abandoned.signal);
    const atMs = clock.nowMs();
    reach('after-webhook');
    const record = recordOf(delivery, outcome, atMs, random());
    const written = recorder.add(record);
    const isQuick =
      outcome.kind === 'impossible' ? undefined : outcome.kind === 'answered' && atMs - startedAtMs < SLOW_MS;
    // A receiver that took its event gets the next one meanwhile. Whatever else it said may be about that one as well.
    if (record.state === 'delivered' && atWork.size - placed < MOST_UNWRITTEN) leave(isQuick);
    else recorder.flush();
    await written;
    leave(isQuick);
    tell(record);
    if (record.nextAttemptAtMs !== undefined) lookAgain(record.nextAttemptAtMs);
  };

  const rest = (delivery: Delivery, fault: unknown): void => {
    logger.error({ delivery: delivery.id, err: fault }, 'a webhook stumbled and is tried again');
    resting.add(delivery.id);
    clock.after(PAUSE_AFTER_FAULT_MS, () => {
      resting.delete(delivery.id);
      wake();
    });
  };

  const begin = (host: string, delivery: Delivery): void => {
    places.take(host);
    placed += 1;
    let hasPlace = true;
    const leave = (isQuick: boolean | undefined): void => {
      if (!hasPlace) return;
      hasPlace = false;
      placed -= 1;
      places.release(host, isQuick);
      goOn(host);
      if (placed === 0) recorder.flush();
    };
    const work = attempt(delivery, leave)
      .catch((fault: unknown) => {
        if (!abandoned.signal.aborted) rest(delivery, fault);
      })
      .then(() => {
        atWork.delete(delivery.id);
        leave(undefined);
      });
    atWork.set(delivery.id, work);
  };

  /** Begins what was read ahead, as far as there are places. */
  const beginNext = (host: string): void => {
    const ready = next.get(host) ?? [];
    while (ready.length > 0 && places.free(host) > 0) {
      const delivery = ready.shift();
      if (delivery !== undefined) begin(host, delivery);
    }
    if (ready.length === 0) next.delete(host);
    else if (!places.has(host)) isCrowded = true;
  };

  /** Uses a place that came free: for those that have none, or else for the same host. */
  const goOn = (host: string): void => {
    if (!isRunning) return;
    if (isCrowded) wake();
    else if (next.has(host)) beginNext(host);
    else if (unread.has(host)) wake();
  };

  /** Begins what may begin now to a host. */
  const serve = async (host: string, nowMs: number): Promise<void> => {
    if (places.free(host) <= 0) {
      unread.add(host);
      if (!places.has(host)) isCrowded = true;
      return;
    }
    served.delete(host);
    served.add(host);
    if (next.has(host)) unread.add(host);
    else await readAhead(host, nowMs);
    beginNext(host);
  };

  const readAhead = async (host: string, nowMs: number): Promise<void> => {
    // What is at work now may have ended by the time that the rows are here, and they would not show it.
    const passed = new Set([...atWork.keys(), ...resting]);
    const limit = passed.size + READ_AHEAD;
    const due = await webhooks.due(host, nowMs, limit);
    if (!isRunning) return;
    if (due.length === limit) unread.add(host);
    else unread.delete(host);
    next.set(
      host,
      due.filter(({ id }) => !passed.has(id) && !atWork.has(id)),
    );
  };

  /** Goes round the hosts, those first that have had no turn for longest. */
  const look = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    lookedAtMs = nowMs;
    isCrowded = false;
    unread.clear();
    const hosts = await webhooks.pendingHosts();
    const order = new Map([...served].map((host, place) => [host, place]));
    const due = hosts
      .filter(({ dueAtMs }) => dueAtMs <= nowMs)
      .toSorted((one, other) => (order.get(one.host) ?? -1) - (order.get(other.host) ?? -1));
    served.clear();
    for (const { host } of due) if (order.has(host)) served.add(host);
    for (const { host } of due) await serve(host, nowMs);
    const laterMs = hosts.map(({ dueAtMs }) => dueAtMs).filter((dueAtMs) => dueAtMs > nowMs);
    lookAgain(laterMs.reduce((first, dueAtMs) => Math.min(first, dueAtMs), nowMs + LOOK_EVERY_MS));
  };

  /** Asks the table at that time, unless it is asked sooner. */
  const lookAgain = (atMs: number): void => {
    if (!isRunning || atMs >= timer.atMs) return;
    timer.cancel();
    const cancel = clock.after(Math.max(0, atMs - clock.nowMs()), () => {
      timer = noTimer;
      wake();
    });
    timer = { atMs, cancel };
  };

  const wake = (): void => {
    if (!isRunning) return;
    const nowMs = clock.nowMs();
    // A clock that was set back shows a negative time, which says nothing.
    const sinceMs = Math.abs(nowMs - lookedAtMs);
    if (looking !== undefined || sinceMs < LOOK_PAUSE_MS) {
      lookAgain(nowMs + LOOK_PAUSE_MS);
      return;
    }
    timer.cancel();
    timer = noTimer;
    looking = look()
      .catch((fault: unknown) => {
        logger.error({ err: fault }, 'looking for webhooks to send failed');
        lookAgain(clock.nowMs() + LOOK_EVERY_MS);
      })
      .finally(() => (looking = undefined));
  };

  return {
    start: () => {
      isRunning = true;
      wake();
    },
    wake,
    stop: async () => {
      isRunning = false;
      timer.cancel();
      await looking;
      await Promise.all(atWork.values());
    },
    abandon: () => abandoned.abort(),
  };
};
