/**
 * The built-in provider: draws offline and costs nothing. It stands in for an upstream in every respect, also the
 * unpleasant ones, on demand of the prompt (docs/providers/sandbox.md).
 */
import { createHash } from 'node:crypto';
import Type from 'typebox';
import type { CallRequest } from '../../core/call.ts';
import { catalogue } from '../../core/errors.ts';
import type { TaskErrorCode } from '../../core/errors.ts';
import type { CallFailure } from '../../core/failure.ts';
import type { ModelCard } from '../../core/model-card.ts';
import { requestLimits } from '../../core/request.ts';
import { ProviderError } from '../provider.ts';
import type { Adapter, AdapterContext, Produced } from '../provider.ts';
import { readDirectives } from './directives.ts';
import type { PictureBrief } from './draw.ts';
import type { Painter } from './painter.ts';

/** What Limner itself takes (design §4), and no bound of its own. */
const anyPixels = 40_000_000;

const card: ModelCard = {
  upstreamModel: 'sandbox',
  sizes: {
    kind: 'range',
    minSide: 64,
    maxSide: 4096,
    minPixels: 64 * 64,
    maxPixels: 4096 * 4096,
    maxRatio: 64,
    multipleOf: 1,
  },
  maxImagesPerCall: 1,
  reference: {
    formats: ['png', 'jpeg', 'webp'],
    maxBytes: 10 * 1024 * 1024,
    minSide: 1,
    maxSide: anyPixels,
    maxPixels: anyPixels,
    maxRatio: anyPixels,
  },
  negativePrompt: true,
  seed: true,
  guidanceScale: { min: 0, max: requestLimits.guidanceScale },
  qualities: 'any',
  styles: 'any',
  watermark: true,
  formats: ['png', 'jpeg', 'webp'],
  isFree: true,
  notice:
    'Drawn offline by the built-in sandbox, which is not an AI model. Configure a provider for real pictures.',
};

/** All that drawing needs but the reference, so that another process can go on after a restart. */
type Drawing = Omit<PictureBrief, 'reference'>;

/** A picture that is due later. */
type SandboxHandle = {
  readonly readyAtMs: number;
  readonly drawing: Drawing;
  /** The error that it ends with instead. */
  readonly fail?: TaskErrorCode;
};

/** The sandbox adapter; `painter` does the drawing. */
export const createSandbox = (painter: Painter): Adapter<never, SandboxHandle> => {
  const draw = async (drawing: Drawing, context: AdapterContext<never>): Promise<Produced> => ({
    state: 'produced',
    outputs: [await context.keep(await painter.paint(await withReference(drawing, context), context.signal))],
  });

  return {
    name: 'sandbox',
    settingsSchema: Type.Object({}),
    // Nothing is charged, and the same call is the same picture.
    resend: 'deduplicated',
    cards: [card],
    card: (upstreamModel) => ({ ...card, upstreamModel }),

    send: async (request, context) => {
      const { caption, delayMs, fail, problem } = readDirectives(request.prompt);
      if (problem !== undefined) throw new ProviderError(failure('prompt_rejected', problem));
      const drawing = toDrawing(request, caption, context.callId);
      if (delayMs > 0) {
        const handle = { readyAtMs: context.nowMs + delayMs, drawing, ...(fail && { fail }) };
        return { state: 'accepted', handle, checkAfterMs: delayMs };
      }
      if (fail) throw new ProviderError(failure(fail, askedFor));
      return draw(drawing, context);
    },

    check: async ({ readyAtMs, drawing, fail }, context) => {
      const remainingMs = readyAtMs - context.nowMs;
      if (remainingMs > 0) return { state: 'running', checkAfterMs: remainingMs };
      return fail ? { state: 'failed', failure: failure(fail, askedFor) } : draw(drawing, context);
    },
  };
};

const askedFor = 'The prompt asked the sandbox for this error.';

/** A retryable one is tried once more, as with a real upstream, and no oftener: it ends the same way each time. */
const failure = (code: TaskErrorCode, message: string): CallFailure => ({
  code,
  message,
  charged: code === 'submission_unconfirmed' ? 'unknown' : 'no',
  retryable: catalogue[code].retryable,
  ...(catalogue[code].retryable && { retryOnce: true }),
});

const withReference = async (drawing: Drawing, { reference }: AdapterContext<never>): Promise<PictureBrief> =>
  reference ? { ...drawing, reference: await reference.bytes() } : drawing;

const toDrawing = (request: CallRequest, caption: string, callId: string): Drawing => {
  const { negativePrompt, style, quality, guidanceScale } = request;
  return {
    model: request.model,
    prompt: caption,
    ...request.size,
    seed: request.seed ?? seedOf(callId),
    // The seed already tells the pictures of one request apart, and each can be drawn again by its own.
    index: 0,
    format: request.format ?? 'png',
    watermark: request.watermark,
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...(style !== undefined && { style }),
    ...(quality !== undefined && { quality }),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
};

/** Another seed for each call, and the same one when a call is sent again. */
const seedOf = (callId: string): number =>
  createHash('sha256').update(callId).digest().readUInt32BE() % (requestLimits.seed + 1);
