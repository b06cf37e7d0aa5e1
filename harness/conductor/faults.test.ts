import { expect, test } from 'vitest';
import { vmPaused } from './faults.js';

function machine() {
  const state = { running: true };
  return {
    state,
    pause: async () => {
      state.running = false;
    },
    resume: async () => {
      state.running = true;
    },
    isRunning: async () => state.running,
    whereabouts: async () => 'nowhere',
    dump: async () => {},
  };
}

test('a pause has taken effect when QEMU says so and the agent is silent, and is over when it was heard again', async () => {
  const held = machine();
  let heardAt = Date.now();
  const fault = vmPaused(held, () => heardAt);
  expect(await fault.effect()).toBeUndefined();
  await fault.inject();
  expect(await fault.effect()).toBeUndefined();
  heardAt = Date.now() - 5000;
  expect(await fault.effect()).toMatch(/paused; nothing was heard for 5\.\d s/);
  await fault.recover();
  expect(await fault.recovered()).toBeUndefined();
  heardAt = Date.now() + 1;
  expect(await fault.recovered()).toContain('heard again');
});

test('silence alone proves nothing: the machine may run and the agent hang', async () => {
  expect(await vmPaused(machine(), () => Date.now() - 60_000).effect()).toBeUndefined();
});

test('a target that is no machine is refused', () => {
  expect(() => vmPaused(undefined, () => 0)).toThrow('no machine');
});
