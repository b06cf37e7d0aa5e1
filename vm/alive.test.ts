import { expect, it } from 'vitest';
import { afterSilence, silenceLimitSeconds } from './alive.js';

it('starts a silent guest again once, and then gives up', () => {
  expect([1, 2].map(afterSilence)).toEqual(['start-again', 'give-up']);
});

it('waits the longer, the slower a guest is', () => {
  expect([1, 12.2, 100].map(silenceLimitSeconds)).toEqual([22, 45, 220]);
});
