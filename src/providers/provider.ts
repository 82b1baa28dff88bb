/**
 * What an adapter is. It maps a call to one upstream protocol and classifies what comes back; it never loops,
 * sleeps, retries, downloads, stores, logs or reads the environment. The engine calls it and may be killed
 * between any two lines: whatever must survive is returned, and stored before the next call is made.
 */
import type { TSchema } from 'typebox';
import type { Adjustment } from '../core/adjustment.ts';
import type { CallRequest, Output } from '../core/call.ts';
import type { CallFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { ModelCard } from '../core/model-card.ts';
import type { ImageFormat } from '../core/request.ts';

/** The reference picture of a task, checked and normalised to the model card. */
export interface ReferencePicture {
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
  /** Its whole contents. */
  bytes(): Promise<Uint8Array>;
}

/** One HTTP exchange with an upstream, relative to the provider's `base_url`. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST';
  /** Appended to the base URL, e.g. `/images/generations`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** The whole set: nothing is added but `host`, `content-length` and `accept`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A picture that came as base64 inside a JSON answer: it was decoded to the spool while it arrived. */
export interface InlinePicture {
  readonly spooled: string;
}

/** Whether a value of an answer's body is a picture that was spooled. */
export const isInlinePicture = (value: unknown): value is InlinePicture =>
  typeof value === 'object' && value !== null && typeof (value as { spooled?: unknown }).spooled === 'string';

/** What the spool calls the pictures of the answers to a call, from 0. */
export const inlinePictureName = (callId: string, place: number): string => `${callId}-inline-${place}`;

/** What the upstream answered. */
export interface UpstreamAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON, long base64 texts replaced by an `InlinePicture`; `undefined` when it was empty or no JSON. */
  readonly json: unknown;
}

/**
 * Speaks HTTP for an adapter: base URL, time limits, size caps, redaction. Throws `NotSent` when the request
 * certainly never left, `AnswerLost` when it may have arrived and no whole answer came back, `AnswerNotKept` when one
 * did and the disk did not take its pictures.
 */
export interface UpstreamClient {
  /** The provider's `base_url`, for protocols that sign host and path; without a slash at its end. */
  readonly baseUrl: string;
  exchange(request: UpstreamRequest): Promise<UpstreamAnswer>;
}

/** Everything an adapter may touch. */
export interface AdapterContext<Settings> {
  /** Parsed by the adapter's own schema. */
  readonly settings: Settings;
  readonly http: UpstreamClient;
  /** One per paid attempt; the same after a crash. */
  readonly callId: string;
  /** Present when `request.hasReference`. */
  readonly reference?: ReferencePicture;
  /** Hands over a picture that the adapter holds itself, because no HTTP answer carried it. */
  keep(picture: Uint8Array): Promise<Output>;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/** What a trial of credentials may touch. */
export type TrialContext<Settings> = Pick<
  AdapterContext<Settings>,
  'settings' | 'http' | 'callId' | 'nowMs' | 'signal'
>;

/** The upstream finished: its pictures are there to be fetched. */
export interface Produced {
  readonly state: 'produced';
  readonly outputs: readonly Output[];
  /** What the upstream changed. */
  readonly adjustments?: readonly Adjustment[];
}

/** The upstream took the call and is at work. */
export interface Accepted<Handle extends JsonValue> {
  readonly state: 'accepted';
  readonly handle: Handle;
  /** When asking first makes sense. */
  readonly checkAfterMs: number;
}

/** What asking for an accepted call may bring; an unknown upstream status is `running`, with a warning. */
export type Progress =
  | { readonly state: 'running'; readonly checkAfterMs: number; readonly warning?: string }
  | Produced
  | { readonly state: 'failed'; readonly failure: CallFailure };

/** The code that speaks one upstream protocol. */
export interface Adapter<Settings = never, Handle extends JsonValue = JsonValue> {
  readonly name: string;
  /** Shape of its credentials and options in `providers.<name>`, without the keys that every provider has. */
  readonly settingsSchema: TSchema;
  /** The vendor's own address; absent when the provider must name one. */
  readonly defaultBaseUrl?: string;
  /**
   * What may be done with a call whose answer was lost: the upstream recognises our call id and makes it once,
   * it can be asked for our call id with `find`, or neither.
   */
  readonly resend: 'deduplicated' | 'lookup' | 'ambiguous';
  /** Whether the upstream's limit on calls at once counts their pictures. */
  readonly countsPictures?: true;
  /** The upstream models it knows. */
  readonly cards: readonly ModelCard[];
  /** The card of a known model, or the stated default for any other id. */
  card(upstreamModel: string): ModelCard;
  /** Sends one paid call. Throws `ProviderError` for a definite refusal, `AnswerLost` for a foreign or empty answer. */
  send(request: CallRequest, context: AdapterContext<Settings>): Promise<Accepted<Handle> | Produced>;
  /** Asks for an accepted call. */
  check?(handle: Handle, context: AdapterContext<Settings>): Promise<Progress>;
  /** Looks up a call by our id, for `resend: 'lookup'`. */
  find?(context: AdapterContext<Settings>): Promise<Accepted<Handle> | 'absent'>;
  /**
   * Tells whether the credentials work, by one exchange that costs nothing; `untried` where this account has none.
   * Absent for an upstream without credentials. Throws `ProviderError` for a refusal, `AnswerLost` for an answer that
   * tells nothing.
   *
   * @param upstreamModel one that is configured: a vendor may open them one by one.
   */
  tryCredentials?(upstreamModel: string, context: TrialContext<Settings>): Promise<'works' | 'untried'>;
}

/** A definite refusal by the upstream, classified. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly failure: CallFailure;

  constructor(failure: CallFailure) {
    super(`${failure.code}: ${failure.message}`);
    this.failure = failure;
  }
}

/** The request certainly never reached the upstream: the name did not resolve, the connection was refused. */
export class NotSent extends Error {
  override readonly name = 'NotSent';
}

/** The request may have reached the upstream and no whole, sensible answer came back. */
export class AnswerLost extends Error {
  override readonly name: string = 'AnswerLost';
  /** The HTTP status, when one arrived. */
  readonly status: number | undefined;

  constructor(message: string, options: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
  }
}

/** The answer came, with pictures that were paid for, and they could not be written down here. */
export class AnswerNotKept extends AnswerLost {
  override readonly name = 'AnswerNotKept';
}
