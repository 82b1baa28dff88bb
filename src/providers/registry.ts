/** The adapters of this version: adding one is a folder and a line here. */
import { ark } from './ark/index.ts';
import type { Adapter } from './provider.ts';
import { createSandbox } from './sandbox/index.ts';
import type { Painter } from './sandbox/painter.ts';

/** Every adapter; the sandbox draws with this painter. */
export const createAdapters = (painter: Painter): readonly Adapter[] => [ark, createSandbox(painter)];

/** The adapter of this name. */
export const adapterByName = (adapters: readonly Adapter[], name: string): Adapter | undefined =>
  adapters.find((adapter) => adapter.name === name);
