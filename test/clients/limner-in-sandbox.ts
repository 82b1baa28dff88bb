/** The program as a stranger's client meets it: over the network, drawing in the sandbox. */
import { createDataFolder } from '../support/data-folder.ts';
import { apiKey, type LimnerProcess, startLimner } from '../support/limner-process.ts';

/** A program and what a client is configured with to use it. */
export interface SandboxedLimner extends AsyncDisposable {
  readonly limner: LimnerProcess;
  readonly baseURL: string;
  readonly apiKey: string;
}

/** Starts the program without any provider. */
export const startSandboxedLimner = async (): Promise<SandboxedLimner> => {
  const folder = await createDataFolder();
  const limner = await startLimner({ dataDir: folder.path });
  return {
    limner,
    baseURL: `${limner.url}/openai/v1`,
    apiKey,
    [Symbol.asyncDispose]: async () => {
      await limner.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
};
