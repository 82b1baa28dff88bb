import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Processes, not threads: SQLite, sharp and signals behave as they do in the server.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 20_000,
    globalSetup: './test/support/postgres-global.ts',
    reporters: ['default', './scripts/count-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['upstreams/**/*.test.ts', 'client/**/*.test.ts', 'test/**/*.test.ts'],
        },
      },
    ],
  },
});
