import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NetsoakError } from '../errors.js';
import { Limits } from './limits.js';

let abort: AbortController;
beforeEach(() => {
  abort = new AbortController();
});
afterEach(() => abort.abort());

const limits = (target: 'vm' | 'host' = 'vm', expectedSlowdown = 10): Limits =>
  new Limits({ target, expectedSlowdown, signal: abort.signal, whereabouts: async () => ': both CPUs are idle' });

test('a slow target gets more time, a fast one no less than this machine, and a hopeless one not all the time there is', () => {
  const patient = limits();
  expect([patient.bootSeconds, patient.endSeconds]).toEqual([70, 25]);
  patient.measured(0.2);
  expect([patient.slowdown, patient.endSeconds]).toEqual([1, 10]);
  patient.measured(100_000);
  expect(patient.slowdown).toBe(200);
  expect(limits('host').bootSeconds).toBe(30);
});

test('what comes too late is the infrastructure’s, with where its machine stands; its end is not waited for then', async () => {
  const patient = limits();
  const late = await patient.late(0.01, 'boot', 'the agent did not answer').rejected.catch((error: unknown) => error);
  expect(late).toBeInstanceOf(NetsoakError);
  expect(late).toMatchObject({ owner: 'infra', code: 'boot', message: 'the agent did not answer: both CPUs are idle' });
  expect(patient.endSeconds).toBe(0);
});

test('what came in time is not stopped by its limit later', async () => {
  const patient = limits();
  const late = patient.late(0.02, 'boot', 'the agent did not answer');
  const told = late.rejected.catch((error: Error) => error.name);
  late.inTime();
  await delay(60);
  expect([await told, patient.endSeconds]).toEqual(['AbortError', 25]);
});
