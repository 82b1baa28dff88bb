import type { Adjustment } from '../core/adjustment.ts';
import { costOf, isCallEnded } from '../core/call.ts';
import type { Call, CallRequest, CallStep } from '../core/call.ts';
import type { CallFailure } from '../core/failure.ts';
import { LimnerError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { Image } from '../core/image.ts';
import { type ModelCard, priceOf } from '../core/model-card.ts';
import type { Plan } from '../core/plan.ts';
import { troubleOf } from '../core/retry-policy.ts';
import { isEnded, type Task } from '../core/task.ts';
import type { Route } from '../providers/catalog.ts';
import type { Brought, Claim, ClaimedTask, Ending, Written } from '../tasks/task-store.ts';
import type { EngineParts } from './engine-parts.ts';
import type { Slot } from './gate.ts';
import type { Routing } from './routing.ts';

/** The claim was taken over or the task is gone: whoever has it now goes on, and we write nothing more. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

/** The task was cancelled: calls that an upstream has are seen to their end in further turns, and nothing is sent. */
export class TaskCancelled extends Error {
  override readonly name = 'TaskCancelled';
}

/** How many places a call takes at the gate. */
const weightOf = (call: Call, route: Route): number =>
  route.provider.adapter.countsPictures === true ? call.request.images : 1;

/** One failed part among others: the latest call of each slot is what counts. */
const latestOfSlots = (calls: readonly Call[]): Call[] =>
  calls.filter((call) => !calls.some((other) => other.slot === call.slot && other.attempt > call.attempt));

/**
 * One turn of work on a task: what is known of it, and the fenced writes that change it. Every write either is on
 * disk when it returns or throws `ClaimLost` or `TaskCancelled`.
 */
export class TaskRun {
  readonly parts: EngineParts;
  readonly routing: Routing;
  readonly task: Task;
  /** Aborted when the claim is lost or the process gives up waiting. */
  readonly signal: AbortSignal;
  /** Aborted also when the task was cancelled: for whatever is pointless then. */
  readonly wanted: AbortSignal;
  /** The latest call of each slot. */
  readonly calls: Call[];
  readonly images: Image[];
  readonly adjustments: Adjustment[];
  readonly #claim: Claim;
  readonly #lost = new AbortController();
  readonly #slots: Map<string, Slot>;
  /** Slots and the providers that had a call for them. */
  readonly #tried: Set<string>;
  /** How many calls for each slot have failed, but for those that a rate limit turned away. */
  readonly #tries = new Map<number, number>();
  #reserved: Slot | undefined;

  constructor(settings: {
    readonly parts: EngineParts;
    readonly routing: Routing;
    readonly claimed: ClaimedTask;
    /** Aborted when the process gives up waiting. */
    readonly abandoned: AbortSignal;
    /** Aborted when the task ends elsewhere. */
    readonly ended: AbortSignal;
    /** Places held for this task's calls; they outlive the turn. */
    readonly slots: Map<string, Slot>;
    /** A place that was taken for the first call. */
    readonly reserved: Slot | undefined;
  }) {
    this.parts = settings.parts;
    this.routing = settings.routing;
    this.task = settings.claimed.task;
    this.signal = AbortSignal.any([settings.abandoned, this.#lost.signal]);
    this.wanted = AbortSignal.any([this.signal, settings.ended]);
    this.calls = latestOfSlots(settings.claimed.calls);
    this.images = [...settings.claimed.images];
    this.adjustments = [...settings.claimed.task.adjustments];
    this.#claim = settings.claimed.claim;
    this.#slots = settings.slots;
    this.#tried = new Set(settings.claimed.calls.map((call) => `${call.slot} ${call.provider}`));
    this.#reserved = settings.reserved;
    for (const { slot, step } of settings.claimed.calls) {
      if (step.state === 'failed') this.#countTry(slot, step.failure);
    }
  }

  /** Whether it was cancelled, and only calls that an upstream has are seen to their end. */
  get isCancelled(): boolean {
    return isEnded(this.task.status);
  }

  /** When the task must have ended. */
  get deadlineMs(): number {
    return this.task.createdAtMs + this.parts.taskDeadlineMs;
  }

  /** Stores the plan: from here on the task is `processing`. */
  async start(
    route: Route,
    requests: readonly CallRequest[],
    adjustments: readonly Adjustment[],
  ): Promise<void> {
    const { clock, tasks, events } = this.parts;
    const atMs = clock.nowMs();
    this.calls.push(...requests.map((request, slot) => this.#newCall(route.provider.name, request, slot)));
    this.#tell(adjustments);
    await this.#write(() =>
      tasks.start(this.#claim, { calls: this.calls, adjustments: this.adjustments, atMs }),
    );
    this.parts.reach('after-start');
    events.changed(this.task.id);
  }

  /** Moves the call of a slot one step along its path. */
  async move(slot: number, reached: CallStep, brought: Brought = {}): Promise<void> {
    const call = this.callOf(slot);
    const step = this.#priced(call, reached);
    await this.#write(() => this.parts.tasks.record(this.#claim, call.id, step, brought));
    this.#count(call, step, brought.images);
    this.images.push(...(brought.images ?? []));
    this.#tell(brought.adjustments ?? []);
    if (brought.next !== undefined) this.calls.push(brought.next);
    this.#replace({
      ...call,
      ...(brought.sentAtMs !== undefined && { sentAtMs: call.sentAtMs ?? brought.sentAtMs }),
      step,
    });
  }

  /**
   * Ends the call of a slot and sends the same again later, in one write. Who keeps the place at the gate has not begun
   * in the upstream's eyes: the time for the call starts anew as well.
   */
  async retry(
    slot: number,
    failure: CallFailure,
    notBeforeMs: number,
    gate: 'keeps-place' | 'queues-again',
  ): Promise<void> {
    const failed = this.callOf(slot);
    const next = this.#newCall(failed.provider, failed.request, slot, {
      attempt: failed.attempt + 1,
      notBeforeMs,
    });
    if (gate === 'keeps-place') {
      await this.#replaceFailed(failed, failure, [next], []);
      const place = this.#slots.get(failed.id);
      this.#slots.delete(failed.id);
      if (place !== undefined) this.#slots.set(next.id, place);
      return;
    }
    // The time for a call includes its retries.
    const { sentAtMs } = failed;
    await this.#replaceFailed(
      failed,
      failure,
      [{ ...next, ...(sentAtMs !== undefined && { sentAtMs }) }],
      [],
    );
  }

  /** Ends the call of a slot and plans its pictures anew for another route, in one write. */
  async moveTo(slot: number, failure: CallFailure, route: Route, plan: Plan): Promise<void> {
    const failed = this.callOf(slot);
    const taken = Math.max(...this.calls.map((call) => call.slot));
    const calls = plan.calls.map((request, place) =>
      place === 0
        ? this.#newCall(route.provider.name, request, slot, { attempt: failed.attempt + 1 })
        : this.#newCall(route.provider.name, request, taken + place),
    );
    await this.#replaceFailed(failed, failure, calls, plan.adjustments);
  }

  /** A call for pictures that the upstream owes, for `move` to write; nothing of it is stored yet. */
  remainderOf(call: Call, images: number): Call {
    const firstImage = call.request.firstImage + call.request.images - images;
    const slot = Math.max(...this.calls.map((each) => each.slot)) + 1;
    return this.#newCall(call.provider, { ...call.request, images, firstImage, isRemainder: true }, slot);
  }

  /** Whether this provider has had a call for the slot. */
  hasTried(slot: number, provider: string): boolean {
    return this.#tried.has(`${slot} ${provider}`);
  }

  /** How many calls for the slot have failed, but for those that a rate limit turned away. */
  triesOf(slot: number): number {
    return this.#tries.get(slot) ?? 0;
  }

  /** Ends the task. */
  async finish(ending: Ending): Promise<void> {
    const { tasks, clock, events, logger, meter, reach } = this.parts;
    reach('before-finish');
    const atMs = clock.nowMs();
    await this.#write(() => tasks.finish(this.#claim, ending, atMs));
    reach('after-finish');
    meter.taskEnded(this.task.request.model, ending.status === 'failed' ? ending.error.code : ending.status);
    events.changed(this.task.id);
    logger.info(
      {
        task: this.task.id,
        model: this.task.request.model,
        status: ending.status,
        images: ending.usage.images,
        ...(ending.status === 'failed' && { code: ending.error.code, upstream: ending.error.upstream }),
      },
      'task ended',
    );
  }

  callOf(slot: number): Call {
    const call = this.calls.find((candidate) => candidate.slot === slot);
    if (call === undefined) throw new Error(`Task ${this.task.id} has no call in slot ${slot}`);
    return call;
  }

  /** The route that the call was planned for; `undefined` when the configuration no longer has it. */
  routeOf(call: Call): Route | undefined {
    return this.routing.find(this.task.request.model, call.provider, call.request.model);
  }

  /** The card of the upstream model that the call goes to. */
  cardOf(call: Call): ModelCard | undefined {
    const route = this.routeOf(call);
    return call.request.hasReference ? route?.editCard : route?.card;
  }

  /**
   * Waits until the upstream may be sent one more call, but no longer than between two questions while the task has
   * other calls: one of them may hold the very place that is missing, and gives it back in the task's next turn. A
   * process that is told to stop waits no longer either.
   *
   * @returns whether the call has its place.
   */
  async takeSlot(call: Call, route: Route): Promise<boolean> {
    if (this.#slots.has(call.id)) return true;
    const weight = weightOf(call, route);
    const reserved = this.#reserved;
    this.#reserved = undefined;
    // NOTE: one place was kept for the first call; a heavier one stands in line for all of its places together, since
    // tasks that each hold some and wait for more would wait for each other.
    const isEnough =
      reserved !== undefined && weight === 1 && call.request.model === route.card.upstreamModel;
    const waiting = isEnough ? reserved : this.#waitForSlot(call, route, weight);
    if (!isEnough) reserved?.release();
    const slot = await waiting;
    if (slot === undefined) return false;
    this.#slots.set(call.id, slot);
    return true;
  }

  async #waitForSlot(call: Call, route: Route, weight: number): Promise<Slot | undefined> {
    const { clock } = this.parts;
    const patience = new AbortController();
    const isAlone = this.calls.every((other) => other.slot === call.slot || isCallEnded(other.step));
    const leftMs = Math.max(0, this.deadlineMs - clock.nowMs());
    const patienceMs = isAlone ? leftMs : Math.min(leftMs, route.provider.pollIntervalMs);
    const cancel = clock.after(patienceMs, () => patience.abort());
    try {
      const signal = AbortSignal.any([this.wanted, this.parts.draining, patience.signal]);
      return await this.routing.gate(route, call.request.model).take(weight, signal);
    } catch (fault) {
      if (this.wanted.aborted || !(patience.signal.aborted || this.parts.draining.aborted)) throw fault;
      return undefined;
    } finally {
      cancel();
    }
  }

  /** Counts a call that the upstream already has. */
  holdSlot(call: Call, route: Route): void {
    if (this.#slots.has(call.id)) return;
    this.#slots.set(call.id, this.routing.gate(route, call.request.model).force(weightOf(call, route)));
  }

  releaseSlot(call: Call): void {
    this.#slots.get(call.id)?.release();
    this.#slots.delete(call.id);
  }

  /** Gives back a reserved place that no call used. */
  releaseReserved(): void {
    this.#reserved?.release();
    this.#reserved = undefined;
  }

  #newCall(
    provider: string,
    request: CallRequest,
    slot: number,
    after: { readonly attempt: number; readonly notBeforeMs?: number } = { attempt: 0 },
  ): Call {
    const { clock, randomBytes } = this.parts;
    const { attempt, notBeforeMs } = after;
    this.#tried.add(`${slot} ${provider}`);
    return {
      id: newId('call', clock.nowMs(), randomBytes),
      taskId: this.task.id,
      slot,
      attempt,
      provider,
      request,
      step: { state: 'planned', ...(notBeforeMs !== undefined && { notBeforeMs }) },
      createdAtMs: clock.nowMs(),
    };
  }

  async #replaceFailed(
    failed: Call,
    failure: CallFailure,
    calls: readonly Call[],
    adjustments: readonly Adjustment[],
  ): Promise<void> {
    const ended = { callId: failed.id, step: this.#priced(failed, { state: 'failed', failure }) };
    await this.#write(() => this.parts.tasks.retry(this.#claim, ended, { calls, adjustments }));
    this.#count(failed, ended.step);
    this.#countTry(failed.slot, failure);
    this.#tell(adjustments);
    for (const call of calls) {
      if (call.slot === failed.slot) this.#replace(call);
      else this.calls.push(call);
    }
  }

  /** Tells the meter of a step that was written. */
  #count(call: Call, step: CallStep, images: readonly Image[] = []): void {
    const { meter, clock } = this.parts;
    const target = { provider: call.provider, model: call.request.model };
    if (step.state === 'produced' && call.sentAtMs !== undefined) {
      meter.callAnswered(target, clock.nowMs() - call.sentAtMs);
    }
    if (step.state === 'stored') meter.callEnded(target, 'stored');
    if (step.state === 'failed') meter.callEnded(target, step.failure.code);
    for (const { bytes } of images) meter.imageStored(bytes);
  }

  /** The step with what the call is known to have cost from there on. */
  #priced(call: Call, step: CallStep): CallStep {
    const isPaid =
      step.state === 'produced' ||
      step.state === 'stored' ||
      (step.state === 'failed' && step.failure.charged === 'yes');
    if (!isPaid) return step;
    const known = costOf(call.step);
    if (known !== undefined) return { ...step, cost: known };
    const card = this.cardOf(call);
    const { size, quality, hasReference, images } = call.request;
    if (card?.price === undefined) return step;
    const pictures = step.state === 'produced' ? step.outputs.length : images;
    const micros = pictures * priceOf(card, size, quality, hasReference);
    return { ...step, cost: { micros, currency: card.price.currency } };
  }

  #countTry(slot: number, failure: CallFailure): void {
    if (troubleOf(failure) !== 'rate') this.#tries.set(slot, this.triesOf(slot) + 1);
  }

  /** Nothing is told twice, e.g. the same change of size for each of four pictures. */
  #tell(adjustments: readonly Adjustment[]): void {
    const told = new Set(this.adjustments.map((adjustment) => JSON.stringify(adjustment)));
    for (const adjustment of adjustments) {
      if (!told.has(JSON.stringify(adjustment))) this.adjustments.push(adjustment);
      told.add(JSON.stringify(adjustment));
    }
  }

  #replace(call: Call): void {
    this.calls[this.calls.findIndex((candidate) => candidate.slot === call.slot)] = call;
  }

  /** Writes, however long the database is away: what an upstream has answered is known here and nowhere else. */
  async #write(write: () => Promise<Written>): Promise<void> {
    for (;;) {
      try {
        this.#must(await write());
        return;
      } catch (fault) {
        if (!(fault instanceof LimnerError) || fault.code !== 'database_unavailable') throw fault;
        this.signal.throwIfAborted();
        this.parts.logger.error(
          { task: this.task.id, err: fault.cause },
          'the database is away, and waited for',
        );
      }
    }
  }

  #must(written: Written): void {
    if (written === 'written') return;
    if (written === 'ended') throw new TaskCancelled(`Task ${this.task.id} was cancelled`);
    const lost = new ClaimLost(`The claim on ${this.task.id} was lost`);
    this.#lost.abort(lost);
    throw lost;
  }
}
