import { defineConfig } from 'vitest/config';
import { SkippedReporter } from './test/support/skipped.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/cluster.ts'],
    pool: 'forks',
    // Every file talks to the same server, whose work is the larger part.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', new SkippedReporter()],
  },
});
