import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'upstreams/**/*.test.ts', 'test/**/*.test.ts'],
    // Processes, not threads: SQLite, sharp and signals behave as they do in the server.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default', './scripts/count-reporter.ts'],
  },
});
