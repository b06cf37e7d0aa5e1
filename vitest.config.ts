import { defineConfig } from 'vitest/config';

const KINDS = ['kernel', 'browser', 'vm', 'long'];
const never = ['**/node_modules/**', 'dist/**', 'reports/runs/**'];
const kind = (name: string) => ({ name, include: [`**/*.${name}.test.ts`], exclude: never });

/** One project a tier; harness/setup/test.mjs says what each is and when it runs. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['**/*.test.ts', 'harness/setup/*.test.mjs', 'vm/nix/*.test.mjs'],
          exclude: [...never, ...KINDS.map((name) => `**/*.${name}.test.ts`)],
          testTimeout: 30_000,
        },
      },
      // They count processes, namespaces and mounts of the whole machine, so files take turns.
      { test: { ...kind('kernel'), fileParallelism: false, maxConcurrency: 2, testTimeout: 120_000, hookTimeout: 60_000 } },
      { test: { ...kind('browser'), fileParallelism: false, testTimeout: 120_000, hookTimeout: 60_000 } },
      { test: { ...kind('vm'), fileParallelism: false, maxConcurrency: 2, testTimeout: 600_000, hookTimeout: 120_000 } },
      { test: { ...kind('long'), fileParallelism: false, testTimeout: 3_600_000, hookTimeout: 120_000 } },
    ],
  },
});
