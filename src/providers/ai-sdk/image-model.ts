/** The part of the AI SDK's interface of image models that is used: the same in its versions 2, 3 and 4. */

/** What a model is asked. */
export interface GenerateOptions {
  readonly prompt: string;
  readonly n: number;
  readonly size: string | undefined;
  readonly aspectRatio: string | undefined;
  readonly seed: number | undefined;
  readonly files:
    | readonly { readonly type: 'file'; readonly mediaType: string; readonly data: Uint8Array }[]
    | undefined;
  readonly mask: undefined;
  readonly providerOptions: Readonly<Record<string, never>>;
  readonly abortSignal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

/** What it made. */
export interface GenerateResult {
  /** Base64, or bytes. */
  readonly images: readonly (string | Uint8Array)[];
  /** What it left out or changed. */
  readonly warnings: readonly {
    readonly type: string;
    readonly feature?: string;
    readonly setting?: string;
    readonly details?: string;
  }[];
}

/** A model of a provider. */
export interface ImageModel {
  doGenerate(options: GenerateOptions): PromiseLike<GenerateResult>;
}

/** What a provider is made with; each package takes what it knows. */
export interface ProviderSettings {
  readonly name: string;
  readonly baseURL: string;
  readonly apiKey?: string;
  readonly apiToken?: string;
  readonly fetch: typeof globalThis.fetch;
}

/** The package is not installed, or makes no image models; the message says what to do. */
export class NoImageProvider extends Error {
  override readonly name = 'NoImageProvider';
}

type MakeModel = (settings: ProviderSettings, model: string) => ImageModel;

/** How the package makes image models: by the first of its `create…` functions whose provider does. Throws `NoImageProvider`. */
export const loadImageProvider = async (name: string): Promise<MakeModel> => {
  const exported = await load(name);
  const creators = Object.entries(exported).filter(
    (entry): entry is [string, (settings: ProviderSettings) => unknown] =>
      /^create[A-Z]/.test(entry[0]) && typeof entry[1] === 'function',
  );
  return (settings, model) => {
    for (const [, create] of creators) {
      const provider = create(settings);
      if (isImageProvider(provider)) return provider.imageModel(model);
    }
    throw new NoImageProvider(`The package ${name} makes no image models.`);
  };
};

const load = async (name: string): Promise<Readonly<Record<string, unknown>>> => {
  try {
    return (await import(name)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new NoImageProvider(`The package ${name} is not installed beside Limner.`, { cause });
  }
};

interface ImageProvider {
  imageModel(model: string): ImageModel;
}

const isImageProvider = (provider: unknown): provider is ImageProvider =>
  (typeof provider === 'object' || typeof provider === 'function') &&
  provider !== null &&
  typeof (provider as Partial<ImageProvider>).imageModel === 'function';
