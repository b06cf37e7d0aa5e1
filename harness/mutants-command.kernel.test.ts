/** The matrix of planted faults as a command; what it finds is the business of mutants.long.test.ts. */
import { expect, it } from 'vitest';
import { start } from './soak.test-support.js';

it('ends at ^C with the run that goes on, says what is left, and calls nothing caught or missed by it', async () => {
  const { child, said, finished } = start(['mutants', '--target', 'host', '--duration', '30s', '--set', 'namespaces=20', '--seed', '1']);
  await said('measuring');
  child.kill('SIGINT');
  const { code, stdout, stderr } = await finished;
  expect(code, stderr).toBe(2);
  expect(stdout).toMatch(/^0 of 0 mutants caught by the invariant meant for them; interrupted: (\d+) of \1 runs are left\n$/);
});
