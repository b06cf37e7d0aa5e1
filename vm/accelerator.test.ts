import { describe, expect, it } from 'vitest';
import { choose } from './accelerator.js';
import { bootSector, sameLoop } from './boot-sector.js';

describe('the choice of the accelerator', () => {
  it('is KVM where it runs guest code faster', () => {
    expect(choose({ seconds: 0.01 }, { seconds: 0.3 }, 0.01)).toEqual({
      accelerator: 'kvm',
      reason: 'KVM runs guest code, 30 times faster than emulation',
      slowdown: 1,
    });
  });
  it('is TCG where KVM works but is slower, and says so', () => {
    const { accelerator, reason } = choose({ seconds: 0.9 }, { seconds: 0.3 }, 0.02);
    expect(accelerator).toBe('tcg');
    expect(reason).toContain('KVM is slower here (0.90 s for what TCG does in 0.30 s)');
  });
  it('is TCG where KVM fails, and says why', () => {
    const { accelerator, reason } = choose({ failure: 'no guest code ran within 1 s' }, { seconds: 0.3 }, 0.02);
    expect(accelerator).toBe('tcg');
    expect(reason).toContain('no guest code ran within 1 s');
  });
  it('is KVM where emulation does not work', () => {
    expect(choose({ seconds: 0.01 }, { failure: 'no TCG in this QEMU' }, 0.02).accelerator).toBe('kvm');
  });
  it('is an error of the machine when neither works', () => {
    expect(() => choose({ failure: 'a' }, { failure: 'out of memory' }, 0.02)).toThrow(
      expect.objectContaining({ owner: 'infra', message: expect.stringContaining('out of memory') }),
    );
  });
});

describe('the slowdown', () => {
  it('grows with the time that the guest takes', () => {
    const slowdown = (tcg: number) => choose({ failure: '' }, { seconds: tcg }, 0.01).slowdown;
    expect(slowdown(0.2)).toBeCloseTo(2 * slowdown(0.1), 0);
  });
  it('is never below 1, since a guest is never faster than the machine', () => {
    expect(choose({ seconds: 0.001 }, { seconds: 0.3 }, 0.01).slowdown).toBe(1);
  });
});

describe('the boot sector', () => {
  it('is one that a BIOS starts', () => {
    expect(bootSector()).toHaveLength(512);
    expect(bootSector().toString('hex', 510)).toBe('55aa');
  });
  it('holds the number of rounds', () => {
    expect(bootSector(0x12345678).includes(Buffer.from([0x78, 0x56, 0x34, 0x12]))).toBe(true);
  });
  it('has a loop whose result depends on every round', () => {
    expect(new Set([1000, 1001, 20_000, 20_001].map(sameLoop)).size).toBe(4);
  });
});
