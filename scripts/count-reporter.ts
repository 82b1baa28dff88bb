import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Ends a run with one line that says how it went: `N passed, N failed`. What broke outside a test counts as failed. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: 'passed' | 'failed'): number =>
      tests.filter((test) => test.result().state === state).length;
    const broken = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const outside = broken.filter((part) => part.errors().length > 0).length + unhandledErrors.length;
    process.stdout.write(`${count('passed')} passed, ${count('failed') + outside} failed\n`);
  }
}
