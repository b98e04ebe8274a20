import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const reportSchema = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.unknown()) })),
});

export interface TestCounts {
  passed: number;
  /** Failed tests, and one for each other thing that made the run fail. */
  failed: number;
  skipped: number;
  /** What failed without being a test, in words. */
  faults: string[];
}

/** Reads vitest's JSON report. A run without one, or whose exit code says more than its tests, has failed. */
export async function readCounts(reportFile: string, exitCode: number): Promise<TestCounts> {
  const text = await readFile(reportFile, 'utf8').catch(() => undefined);
  if (text === undefined) {
    return { passed: 0, failed: 1, skipped: 0, faults: [`vitest ended with code ${exitCode} and left no report`] };
  }
  const report = reportSchema.parse(JSON.parse(text));
  const faults = report.testResults
    .filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
    .map((file) => `${file.name} could not be run`);
  if (exitCode !== 0 && report.numFailedTests + faults.length === 0) {
    faults.push(`vitest ended with code ${exitCode} though no test failed: see the errors above`);
  }
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + faults.length,
    skipped: report.numPendingTests + report.numTodoTests,
    faults,
  };
}
