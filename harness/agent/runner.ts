/**
 * The one adapter to @vitest/runner: turns a scenario's steps into tests, runs them in order, and tells what
 * became of each. Its states never become our verdict (its exit code is 0 on failure, and a cancelled test is
 * a passed file); they are facts like any other. One process a scenario file, since its collector is a
 * module-level singleton.
 */
import { pathToFileURL } from 'node:url';
import { startTests, test, type VitestRunner, type VitestRunnerConfig } from '@vitest/runner';
import type { RunEvent } from '../facts/events.js';
import type { Scenario, StepContext } from '../scenario.js';

function config(seed: number, stepLimitMs: number): VitestRunnerConfig {
  return {
    root: '/',
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: undefined,
    allowOnly: false,
    sequence: { seed, hooks: 'stack', setupFiles: 'list' },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: stepLimitMs,
    hookTimeout: stepLimitMs,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
  };
}

/** Runs the steps of `file`; after the first failure the rest are skipped. Resolves to whether all passed. */
export async function runScenario(
  file: string,
  context: StepContext,
  stepLimitMs: number,
  emit: (event: RunEvent) => void,
): Promise<boolean> {
  let failed = false;
  let finished = 0;
  let planned = 0;
  const runner: VitestRunner = {
    config: config(context.seed, stepLimitMs),
    importFile: async (path) => {
      const { default: scenario } = (await import(pathToFileURL(path).href)) as { default: Scenario };
      planned = scenario.steps.length;
      for (const step of scenario.steps) {
        const allowance = (step.allowanceSeconds?.(context.settings) ?? 0) * Math.max(1, context.slowdown / 4);
        test(step.name, { timeout: stepLimitMs + allowance * 1000 }, async () => {
          if (failed || context.signal.aborted) return emit({ kind: 'step', name: step.name, state: 'skip' });
          emit({ kind: 'step', name: step.name, state: 'begin' });
          try {
            await withAbort(step.run(context), context.signal);
            finished++;
            emit({ kind: 'step', name: step.name, state: 'pass' });
          } catch (error) {
            failed = true;
            // An interrupted step did not fail: the interruption is a fact of its own.
            if (context.signal.aborted) return emit({ kind: 'step', name: step.name, state: 'skip' });
            emit({ kind: 'step', name: step.name, state: 'fail', error: (error as Error).message });
            throw error;
          }
        });
      }
    },
    onAfterRunTask: (task) => {
      // The runner's own limit rejects a step that hangs without our wrapper hearing of it.
      const error = task.result?.errors?.[0];
      if (error && !failed) {
        failed = true;
        emit({ kind: 'step', name: task.name, state: 'fail', error: error.message, late: true });
      }
    },
  };
  const files = await startTests([file], runner);
  // A file that could not be imported has no test to tell of it.
  for (const error of files.flatMap((f) => f.result?.errors ?? [])) {
    if (!failed) emit({ kind: 'error', owner: 'harness', code: 'scenario-import', message: error.message, hint: `mend ${file}` });
    failed = true;
  }
  return !failed && finished === planned && planned > 0;
}

function withAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((done, fail) => {
    signal.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
    work.then(done, fail);
  });
}
