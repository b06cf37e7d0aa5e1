/** What fuzzing from the seeds reaches and finds in a minute; takes clang with libFuzzer, and llvm. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const made = (goal: string) => spawnSync('make', ['-C', folder, goal], { encoding: 'utf8' });

test('at least 95 % of the lines of the decoder are reached', () => {
  const { status, stdout, stderr } = made('fuzz-coverage');
  expect(status, `${stdout}${stderr}`.slice(-3_000)).toBe(0);
});

test('bugs that decoders of netlink have had are found within a minute each, once put back', () => {
  const { status, stdout, stderr } = made('fuzz-known-bugs');
  expect(status, `${stdout}${stderr}`.slice(-3_000)).toBe(0);
  expect(stdout.match(/^build\/fuzz\/bug-\d: found/gm)).toHaveLength(3);
});
