import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runEmulators } from './main.ts';

test('the environment it tells is enough to reach every emulator', async () => {
  await using running = await runEmulators({ portBase: 0, latencyMs: 0 });
  const { ARK_BASE_URL, ARK_API_KEY, LIMNER_FETCH_ALLOW } = running.environment;
  const response = await fetch(`${ARK_BASE_URL}/models`, {
    headers: { authorization: `Bearer ${ARK_API_KEY}` },
  });
  expect(response.status).toBe(200);
  expect(LIMNER_FETCH_ALLOW?.split(',')).toContain(new URL(String(ARK_BASE_URL)).host);
});

test('the emulators stand in their fixed order, each with its variables', async () => {
  await using running = await runEmulators({ portBase: 0, latencyMs: 0 });
  expect(running.emulators.map(({ name }) => name)).toEqual(['ark', 'jimeng', 'kling', 'openai']);
  expect(Object.keys(running.environment)).toEqual(
    expect.arrayContaining(['ARK_BASE_URL', 'JIMENG_BASE_URL', 'KLING_BASE_URL', 'OPENAI_BASE_URL']),
  );
});

test('a taken port starts nothing', async () => {
  await using running = await runEmulators({ portBase: 0 });
  const taken = running.emulators[0]?.port ?? 0;
  await expect(runEmulators({ portBase: taken })).rejects.toThrow('EADDRINUSE');
});

test.each(['SIGINT', 'SIGTERM'] as const)('it prints exports and ends cleanly on %s', async (signal) => {
  const child = spawn(process.execPath, [
    fileURLToPath(new URL('main.ts', import.meta.url)),
    '--port-base',
    '0',
  ]);
  let printed = '';
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    if (printed.includes('LIMNER_FETCH_ALLOW=')) child.kill(signal);
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(printed).toMatch(/^export ARK_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/api\/v3$/m);
});
