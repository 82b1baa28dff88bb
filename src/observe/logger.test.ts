import { expect, test } from 'vitest';
import { Secret } from '../core/secret.ts';
import { createLogger } from './logger.ts';

const logged = (write: (logger: ReturnType<typeof createLogger>) => void): string => {
  const lines: string[] = [];
  write(createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } }));
  return lines.join('');
};

test('writes one JSON object a line, with the cause of a fault', () => {
  const text = logged((logger) =>
    logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed'),
  );
  const line = JSON.parse(text) as { level: string; time: string; msg: string; err: { stack: string } };
  expect(line).toMatchObject({ level: 'error', msg: 'failed' });
  expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT/);
  expect(line.err.stack).toContain('inner');
});

test('leaves out what is below its level', () => {
  expect(logged((logger) => logger.debug('quiet'))).toBe('');
});

test('writes no secret that it knows, whoever said it', () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'info',
    destination: { write: (line) => lines.push(line) },
    secrets: [new Secret('planted-"5"'), new Secret('b')],
  });
  logger.info({ said: 'wrong key planted-"5"', err: new Error('b: planted-"5"') }, 'with planted-"5"');
  expect(lines.join('')).not.toContain('planted');
  expect(JSON.parse(lines.join(''))).toMatchObject({ said: 'wrong key [secret]', msg: 'with [secret]' });
});

test('redacts what is named like a secret, and secrets however they are named', () => {
  const text = logged((logger) =>
    logger.info({
      authorization: 'planted-1',
      headers: { authorization: 'planted-2' },
      provider: { settings: { api_key: 'planted-3', harmless: new Secret('planted-4') } },
    }),
  );
  expect(text).not.toContain('planted');
  expect(text.match(/\[secret\]/g)).toHaveLength(4);
});
