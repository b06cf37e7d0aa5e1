import { expect, test } from 'vitest';
import { machineWarnings } from './weather.js';

test('a quiet machine with a steady clock gives no warning', () => {
  expect(machineWarnings(0.2, 2, undefined)).toEqual([]);
  expect(machineWarnings(0.2, 2, 'performance')).toEqual([]);
});

test('load and a wandering clock are each said with a cure', () => {
  expect(machineWarnings(1.5, 2, 'powersave')).toEqual([
    expect.stringMatching(/busy \(load 1\.5 on 2 cores\).*--samples/),
    expect.stringMatching(/governor powersave.*cpupower/),
  ]);
});
