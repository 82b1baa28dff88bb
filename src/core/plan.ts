/** From what a caller asked to the calls that a model can answer, and to what has to be said about the difference. */
import type { Adjustment } from './adjustment.ts';
import type { CallRequest } from './call.ts';
import { LimnerError } from './errors.ts';
import { type ModelCard, priceOf } from './model-card.ts';
import type { Cost } from './money.ts';
import { chooseNativeSize } from './native-size.ts';
import { requestLimits } from './request.ts';
import type { GenerationRequest, ImageFormat } from './request.ts';

/** The calls of a task, one for each slot, and what they do differently from the request. */
export interface Plan {
  readonly calls: readonly CallRequest[];
  /** At most one for each parameter. */
  readonly adjustments: readonly Adjustment[];
}

/**
 * Splits a request into calls for the model of this card and translates it to what the model can.
 *
 * Every parameter ends in a call or in an adjustment. The size of a call is the one to have drawn, which may differ
 * from the asked one: what fitting then does to the picture is told when the picture is there. A file format that the
 * model cannot be asked for is left to the fitting too. With a seed, the picture at place i is made from seed + i
 * (past the largest seed it goes on from 0), so that the pictures of one request differ and each can be made again.
 *
 * Throws `invalid_parameter` for a reference picture that the model cannot take and `prompt_rejected` for a prompt
 * that is longer than it takes.
 */
export const planCalls = ({
  request,
  card,
  hasReference,
}: {
  readonly request: GenerationRequest;
  readonly card: ModelCard;
  readonly hasReference: boolean;
}): Plan => {
  refuseImpossible(request, card, hasReference);
  const { parameters, adjustments } = translate(request, card, hasReference);
  const { seed, ...same } = parameters;
  const size = chooseNativeSize(card.sizes, request.size);
  const calls: CallRequest[] = [];
  for (let firstImage = 0; firstImage < request.n; firstImage += card.maxImagesPerCall) {
    calls.push({
      model: card.upstreamModel,
      prompt: request.prompt,
      images: Math.min(card.maxImagesPerCall, request.n - firstImage),
      firstImage,
      size,
      hasReference,
      ...same,
      ...(seed !== undefined && { seed: (seed + firstImage) % (requestLimits.seed + 1) }),
    });
  }
  return { calls, adjustments };
};

/** What all pictures of a request cost with the model of this card; `undefined` when the card has no price. */
export const costOfRequest = (
  { n, size, quality }: GenerationRequest,
  card: ModelCard,
  hasReference: boolean,
): Cost | undefined => {
  if (card.price === undefined) return undefined;
  const sent = takeWord('quality', quality, card.qualities).sent?.quality;
  const drawn = chooseNativeSize(card.sizes, size);
  return { micros: n * priceOf(card, drawn, sent, hasReference), currency: card.price.currency };
};

const refuseImpossible = (request: GenerationRequest, card: ModelCard, hasReference: boolean): void => {
  if (hasReference && !card.reference) {
    throw new LimnerError(
      'invalid_parameter',
      `The model \`${request.model}\` takes no reference picture: leave \`url\` out or choose another model.`,
      { param: 'url' },
    );
  }
  const characters = Array.from(request.prompt).length;
  if (card.maxPromptCharacters !== undefined && characters > card.maxPromptCharacters) {
    throw new LimnerError(
      'prompt_rejected',
      `The prompt has ${characters} characters; the model \`${request.model}\` takes at most ${card.maxPromptCharacters}.`,
      { param: 'prompt' },
    );
  }
};

type Parameters = Pick<
  CallRequest,
  'watermark' | 'format' | 'negativePrompt' | 'seed' | 'guidanceScale' | 'quality' | 'style'
>;

/** What becomes of one parameter: what is sent, and what the caller is told. */
interface Taken {
  readonly sent?: Partial<Parameters>;
  readonly told?: Adjustment;
}

const translate = (
  request: GenerationRequest,
  card: ModelCard,
  hasReference: boolean,
): { readonly parameters: Parameters; readonly adjustments: readonly Adjustment[] } => {
  const taken: readonly Taken[] = [
    takeNotice(request, card),
    takeNegativePrompt(request, card, hasReference),
    takeSeed(request, card),
    takeGuidanceScale(request, card),
    takeWord('quality', request.quality, card.qualities),
    takeWord('style', request.style, card.styles),
    takeWatermark(request, card),
    takeFormat(request, card),
  ];
  return {
    parameters: taken.reduce<Parameters>((all, { sent }) => ({ ...all, ...sent }), { watermark: false }),
    adjustments: taken.flatMap(({ told }) => told ?? []),
  };
};

const leftOut = (parameter: string, asked: string | number): Taken => ({
  told: { parameter, asked, reason: `The model has no \`${parameter}\`; it was left out.` },
});

const takeNotice = (request: GenerationRequest, card: ModelCard): Taken =>
  card.notice === undefined
    ? {}
    : { told: { parameter: 'model', asked: request.model, used: card.upstreamModel, reason: card.notice } };

const takeNegativePrompt = (
  { negativePrompt }: GenerationRequest,
  card: ModelCard,
  hasReference: boolean,
): Taken => {
  if (negativePrompt === undefined) return {};
  if (hasReference && card.reference?.negativePrompt === false) {
    const reason = 'The model takes no `negative_prompt` together with a reference picture; it was left out.';
    return { told: { parameter: 'negative_prompt', asked: negativePrompt, reason } };
  }
  return card.negativePrompt ? { sent: { negativePrompt } } : leftOut('negative_prompt', negativePrompt);
};

const takeSeed = ({ seed }: GenerationRequest, card: ModelCard): Taken => {
  if (seed === undefined) return {};
  return card.seed ? { sent: { seed } } : leftOut('seed', seed);
};

const takeGuidanceScale = ({ guidanceScale: asked }: GenerationRequest, card: ModelCard): Taken => {
  if (asked === undefined) return {};
  if (!card.guidanceScale) return leftOut('guidance_scale', asked);
  const { min, max } = card.guidanceScale;
  const used = Math.min(max, Math.max(min, asked));
  if (used === asked) return { sent: { guidanceScale: asked } };
  const reason = `The model takes \`guidance_scale\` from ${min} to ${max}.`;
  return { sent: { guidanceScale: used }, told: { parameter: 'guidance_scale', asked, used, reason } };
};

const takeWord = (
  parameter: 'quality' | 'style',
  asked: string | undefined,
  known: readonly string[] | 'any' | undefined,
): Taken => {
  if (asked === undefined) return {};
  if (known === undefined) return leftOut(parameter, asked);
  if (known === 'any' || known.includes(asked)) return { sent: { [parameter]: asked } };
  const choice = known.map((word) => `\`${word}\``).join(', ');
  return { told: { parameter, asked, reason: `The model knows ${choice}; the parameter was left out.` } };
};

const takeWatermark = ({ watermark }: GenerationRequest, card: ModelCard): Taken => {
  if (!watermark || card.watermark) return { sent: { watermark } };
  const reason = 'The model cannot be asked for a visible mark.';
  return { told: { parameter: 'watermark', asked: true, used: false, reason } };
};

/** Asked for only where there is a choice: with one format it is always that one. */
const takeFormat = ({ outputFormat }: GenerationRequest, { formats }: ModelCard): Taken => {
  const format: ImageFormat | undefined = formats.find((known) => known === outputFormat);
  return format !== undefined && formats.length > 1 ? { sent: { format } } : {};
};
