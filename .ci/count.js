/** Adds up vitest's JSON reports and prints `N passed, N failed`. Exits with 1 unless all is well. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const line = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;

function count(path) {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  // A file that doesn't load has no tests to fail, and an error outside of every test fails none either.
  const broken = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + broken;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !report.success ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const sum = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  const part = count(path);
  console.log(`${basename(path, '.json')}: ${line(part)}`);
  for (const key of Object.keys(sum)) sum[key] += part[key];
}
console.log(line(sum));
// Where every component is installed, nothing may be left out.
const required = process.env['EVENKEEL_TEST_REQUIRE_ALL'] === '1';
process.exitCode = sum.failed > 0 || sum.passed === 0 || (required && sum.skipped > 0) ? 1 : 0;
