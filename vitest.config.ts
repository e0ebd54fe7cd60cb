import { defineConfig } from 'vitest/config';
import { SkippedReporter } from './test/support/skipped.ts';

/** Where the continuous integration wants its report; see .ci/run. */
const outputFile = process.env['EVENKEEL_TEST_JSON'];
const report: ['json', { outputFile: string }][] = outputFile ? [['json', { outputFile }]] : [];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/cluster.ts'],
    pool: 'forks',
    // Every file talks to the same server, whose work is the larger part.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: [...report, 'default', new SkippedReporter()],
  },
});
