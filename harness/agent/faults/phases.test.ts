import { expect, test } from 'vitest';
import type { RunEvent } from '../../facts/events.js';
import { type Fault, throughPhases } from './phases.js';

/** A fault that remembers what was done to it; the phases it tells of come with it. */
function patient(over: Partial<Fault> = {}) {
  const done: string[] = [];
  const abort = new AbortController();
  const told: string[] = [];
  const fault: Fault = {
    inject: () => void done.push('inject'),
    effect: () => 'it is there',
    recover: () => void done.push('recover'),
    recovered: () => 'it is gone',
    ...over,
  };
  const emit = (event: RunEvent): void => void (event.kind === 'fault' && told.push(event.state));
  const run = throughPhases(fault, { name: 'x', seconds: 0.01, limitSeconds: 0.3, signal: abort.signal, emit });
  return { run, done, told, abort };
}

test('goes through its phases in order', async () => {
  const { run, done, told } = patient();
  await run;
  expect([done, told]).toEqual([
    ['inject', 'recover'],
    ['inject', 'effective', 'recover', 'recovered'],
  ]);
});

test('waits for the effect before its time begins to run', async () => {
  let looks = 0;
  const { run, told } = patient({ effect: () => (++looks === 3 ? 'now' : undefined) });
  await run;
  expect([looks, told.includes('effective')]).toEqual([3, true]);
});

test('is recovered when it never took effect, and says that it failed', async () => {
  const { run, done, told } = patient({ effect: () => undefined });
  await expect(run).rejects.toThrow('x did not take effect within 0.3 s');
  expect([done, told]).toEqual([
    ['inject', 'recover'],
    ['inject', 'failed', 'recover'],
  ]);
});

test('is recovered when it could not even be injected whole', async () => {
  const { run, done } = patient({ inject: () => Promise.reject(new Error('no controller')) });
  await expect(run).rejects.toThrow('no controller');
  expect(done).toEqual(['recover']);
});

test('fails when all is not well again in time', async () => {
  const { run, told } = patient({ recovered: () => undefined });
  await expect(run).rejects.toThrow('x did not recover within 0.3 s');
  expect(told).toEqual(['inject', 'effective', 'recover', 'failed']);
});

test('is recovered at once when the run is interrupted, which is no failure', async () => {
  const { run, done, told, abort } = patient({ effect: () => undefined });
  abort.abort(new Error('interrupted'));
  await expect(run).rejects.toThrow();
  expect([done, told]).toEqual([
    ['inject', 'recover'],
    ['inject', 'recover'],
  ]);
});
