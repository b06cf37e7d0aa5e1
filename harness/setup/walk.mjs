/** Goes through steps one by one, under the lock of this checkout, and says what it is doing and what is left. */
import { holdCheckout } from './exclusive.mjs';
import { PROJECT } from './steps.mjs';

/**
 * @param {string} title what the closing line calls it
 * @param {import('./steps.mjs').Step[]} steps
 * @param {(line: string) => void} say
 */
export async function walk(title, steps, say = console.log) {
  const begun = performance.now();
  const release = await holdCheckout(PROJECT, () => say('set-up: another one is at work on this checkout, waiting for its end'));
  let done = 0;
  try {
    for (const [i, step] of steps.entries()) {
      const why = await step.todo();
      if (why === undefined) continue;
      const left = steps.slice(i + 1).map(({ name }) => name);
      say(`[${i + 1}/${steps.length}] ${step.name}: ${why}${left.length > 0 ? `  (then ${left.join(', ')})` : ''}`);
      const started = performance.now();
      await step.run();
      say(`[${i + 1}/${steps.length}] ${step.name}: done in ${seconds(started)}`);
      done++;
    }
  } finally {
    await release();
  }
  say(`${title}: ${done === 0 ? 'nothing to do' : 'ready'} (${seconds(begun)})`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
