import { expect, it } from 'vitest';
import { isAtLeast } from './node-version.mjs';

it.each([
  ['20.19.0', true],
  ['20.18.9', false],
  ['20.19.5', true],
  ['22.1.0', true],
  ['18.20.4', false],
  ['9.99.0', false],
])('Node %s against >=20.19: %s', (version, good) => {
  expect(isAtLeast(version, '>=20.19')).toBe(good);
});
