import type { ContentCheck } from './content-check.ts';
import type { Size } from './size.ts';

/** How the caller wants each picture handed over. */
export const responseFormats = ['url', 'b64_json', 'oss_url'] as const;
export type ResponseFormat = (typeof responseFormats)[number];

/** The file formats that Limner stores and hands out. */
export const imageFormats = ['png', 'jpeg', 'webp'] as const;
export type ImageFormat = (typeof imageFormats)[number];

/** `auto` keeps the upstream's own bytes when they fit. */
export const outputFormats = ['auto', ...imageFormats] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** Limits of the public contract (design §1.1). */
export const requestLimits = {
  promptCharacters: 32_000,
  images: 4,
  seed: 2_147_483_647,
  guidanceScale: 20,
  wordCharacters: 256,
  metadataPairs: 16,
  metadataKeyCharacters: 64,
  metadataValueCharacters: 512,
  bodyBytes: 20 * 1024 * 1024,
  idempotencyKeyCharacters: 255,
  /** How long an idempotency key is remembered. */
  idempotencyMs: 24 * 60 * 60 * 1000,
  waitSeconds: 120,
} as const;

/** Where a reference picture is: still at its address, or already held by us under a storage key. */
export type Reference =
  | { readonly at: 'link'; readonly url: string }
  | { readonly at: 'store'; readonly key: string };

/** A request that passed validation; what a task is asked to do. Base64 never gets in here. */
export interface GenerationRequest {
  readonly model: string;
  readonly prompt: string;
  readonly n: number;
  readonly size: Size;
  readonly responseFormat: ResponseFormat;
  readonly outputFormat: OutputFormat;
  readonly watermark: boolean;
  readonly reference?: Reference;
  readonly negativePrompt?: string;
  readonly seed?: number;
  readonly guidanceScale?: number;
  readonly quality?: string;
  readonly style?: string;
  readonly user?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly webhookUrl?: string;
  /** Who looked at the prompt before it was accepted, where somebody does. */
  readonly contentChecks?: readonly ContentCheck[];
}
