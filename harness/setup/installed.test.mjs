import { describe, expect, it } from 'vitest';
import { difference } from './installed.mjs';

const here = { os: 'linux', cpu: 'x64' };
const there = () => true;
const zod = { version: '4.0.0', integrity: 'sha512-a' };

describe('whether node_modules holds what the lock file says', () => {
  it('is content when both agree', () => {
    expect(difference({ '': {}, 'node_modules/zod': zod }, { 'node_modules/zod': zod }, there, here)).toBeUndefined();
  });

  it.each([
    ['missing', {}, /zod is missing/],
    ['of another version', { 'node_modules/zod': { ...zod, version: '3.9.0' } }, /zod is 3\.9\.0, not 4\.0\.0/],
    ['of other content', { 'node_modules/zod': { ...zod, integrity: 'sha512-b' } }, /zod is/],
    ['accompanied by one that is no longer wanted', { 'node_modules/zod': zod, 'node_modules/old': zod }, /old is no longer wanted/],
  ])('sees a package that is %s', (_, present, why) => {
    expect(difference({ 'node_modules/zod': zod }, present, there, here)).toMatch(why);
  });

  it('sees a package whose folder was deleted though npm still counts it', () => {
    const lock = { 'node_modules/zod': zod };
    expect(difference(lock, lock, () => false, here)).toMatch(/zod is missing/);
  });

  it('misses the compiler of this system, and no other', () => {
    const compilers = {
      'node_modules/tsc-linux-x64': { ...zod, optional: true, os: ['linux'], cpu: ['x64'] },
      'node_modules/tsc-darwin': { ...zod, optional: true, os: ['darwin'] },
      'node_modules/tsc-musl': { ...zod, optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
      'node_modules/tsc-not-linux': { ...zod, optional: true, os: ['!linux'] },
      'node_modules/only-for-wasm': { ...zod, optional: true },
    };
    expect(difference(compilers, {}, there, here)).toBe('node_modules/tsc-linux-x64 is missing');
    const { 'node_modules/tsc-linux-x64': ours } = compilers;
    expect(difference(compilers, { 'node_modules/tsc-linux-x64': ours }, there, here)).toBeUndefined();
  });
});
