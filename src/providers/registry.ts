/** The adapters of this version: adding one is a folder and a line here. */
import { aiSdk } from './ai-sdk/index.ts';
import { ark } from './ark/index.ts';
import { jimeng } from './jimeng/index.ts';
import { kling } from './kling/index.ts';
import { openai } from './openai/index.ts';
import type { Adapter } from './provider.ts';
import { createSandbox } from './sandbox/index.ts';
import { createPainter } from './sandbox/painter.ts';

/** Every adapter. The sandbox's painter starts its thread with the first picture, so that the list costs nothing. */
export const adapters: readonly Adapter[] = [
  aiSdk,
  ark,
  jimeng,
  kling,
  openai,
  createSandbox(createPainter()),
];

/** The adapter of this name. Throws for another name: the configuration accepts none. */
export const adapterByName = (name: string): Adapter => {
  const found = adapters.find((adapter) => adapter.name === name);
  if (!found) throw new Error(`there is no adapter ${name}`);
  return found;
};
