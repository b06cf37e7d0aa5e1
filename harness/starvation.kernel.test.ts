/** Does the kernel's own account tell who is kept waiting by others from who is not? */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { Starvation } from './starvation.js';

const children: ChildProcess[] = [];
/** All on one processor, so that the test needs no idle machine. */
function start(...command: readonly string[]): number {
  const child = spawn('taskset', ['-c', '0', ...command], { stdio: 'ignore' });
  children.push(child);
  return child.pid ?? 0;
}
const hog = (): number => start('sh', '-c', 'while :; do :; done');
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

it('one that wants to run beside three others is starved, one that sleeps is not', async () => {
  const [wants, sleeps] = [hog(), start('sleep', '1000')];
  for (let i = 0; i < 3; i++) hog();
  await delay(500);
  const [starved, calm] = [new Starvation(() => [wants]), new Starvation(() => [sleeps])];
  const began = performance.now();
  for (const one of [starved, calm]) one.seconds();
  await delay(4000);
  const elapsed = (performance.now() - began) / 1000;
  expect(starved.seconds() / elapsed).toBeGreaterThan(0.5);
  expect(calm.seconds() / elapsed).toBeLessThan(0.05);
});
