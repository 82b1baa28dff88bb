/** What a task costs to be taken from the queue and ended, with few and with very many behind it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { apiKey, startLimner } from './processes.ts';
import { cpuMs, residentMiB } from './process-figures.ts';
import { startRefusingUpstream } from './refusing-upstream.ts';
import { fillTasks } from './tasks-in-tables.ts';

const QUEUES = [1_000, 1_000_000] as const;

/** Tasks that are ended while it is measured: some are left, also of the short queue. */
const ENDED = 900;

const PORT = 9481;

const costOfTask = async (queued: number): Promise<{ readonly cpu: number; readonly line: string }> => {
  const upstream = await startRefusingUpstream();
  const env = { ...upstream.environment, LIMNER_CONFIG: join(import.meta.dirname, 'accept.yaml') };
  const empty = await startLimner({ port: PORT, env });
  const { dataDir } = empty;
  const headers = { authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${empty.origin}/admin/v1/keys`, { headers });
  const keys = (await answer.json()) as { readonly data: readonly { readonly id: string }[] };
  await empty.kill();
  const file = join(dataDir, 'limner.db');
  fillTasks({
    file,
    keyId: keys.data[0]?.id ?? '',
    count: queued,
    status: 'pending',
    modelOf: () => 'seedream-3.0',
  });
  const limner = await startLimner({ port: PORT, env, dataDir });
  const memory = residentMiB(limner.pid);
  const before = cpuMs(limner.pid);
  upstream.open();
  while (upstream.answered < ENDED) await new Promise((resolve) => setTimeout(resolve, 1));
  const cpu = (cpuMs(limner.pid) - before) / ENDED;
  await limner.stop();
  await upstream.close();
  await rm(dataDir, { recursive: true, force: true });
  return {
    cpu,
    line: `${queued} queued: CPU ${cpu.toFixed(2)} ms a task, start to /readyz ${limner.readyMs.toFixed(0)} ms, RSS ${memory.toFixed(0)} MiB`,
  };
};

/** Runs it three times; `say` prints a line. */
export const measureScheduling = async (say: (line: string) => void): Promise<void> => {
  const ratios: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const costs: number[] = [];
    for (const queued of QUEUES) {
      const { cpu, line } = await costOfTask(queued);
      costs.push(cpu);
      say(`scheduling, ${line}`);
    }
    const [few = 0, many = 0] = costs;
    ratios.push(many / few);
  }
  ratios.sort((one, other) => one - other);
  say(
    `scheduling: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')} times the CPU with 1,000,000 queued`,
  );
};
