/** Services end with their run, however that ends: no process, mount or file of theirs stays. */
import { setTimeout as delay } from 'node:timers/promises';
import { it, type Started } from '../soak.test-support.js';

// The fault that needs most: a disk of its own.
const PIPELINE = ['pipeline', '--target', 'host', '--duration', '60s', '--seed', '1', '--set', 'fault=broker-disk-full'];

it.for([
  ['killed while they start', 'SIGKILL', () => delay(8_000)],
  ['killed while it measures', 'SIGKILL', (run: Started) => run.said('measuring')],
  ['interrupted while they start', 'SIGINT', () => delay(8_000)],
  ['interrupted while the disk is full', 'SIGINT', (run: Started) => run.said('broker-disk-full: inject')],
] as const)('a run that is %s leaves nothing', async ([_, signal, moment], { runs }) => {
  const run = runs.start('run', ...PIPELINE);
  await moment(run);
  run.child.kill(signal);
  await run.finished;
});
