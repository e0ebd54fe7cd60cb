import type { Reporter, TestModule, TestSuite } from 'vitest/node';

/** Says in the last lines of a run which suites and tests were skipped, and why: the end of their names. */
export class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap(module =>
      skippedIn(module).map(name => `  ${module.relativeModuleId} > ${name}`),
    );
    if (lines.length > 0) console.log(['Skipped:', ...lines, ''].join('\n'));
  }
}

/** Names the outermost: a skipped suite speaks for all that it holds. */
function skippedIn(parent: TestModule | TestSuite): string[] {
  return [...parent.children].flatMap(child => {
    if (child.type === 'suite') {
      return child.options.mode === 'skip' ? [child.fullName] : skippedIn(child);
    }
    return child.options.mode === 'skip' || child.options.mode === 'todo' ? [child.fullName] : [];
  });
}
