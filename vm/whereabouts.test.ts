import { expect, it } from 'vitest';
import { whereabouts } from './whereabouts.js';

// Printed by QEMU 7.2, general and segment registers left out but for one line each.
const KERNEL = `
CPU#0
RAX=0000000000000000 RBX=ffffffff8261a980 RCX=0000000000000001 RDX=4000000000000000
RIP=ffffffff81a3d0db RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]

CPU#1
RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000060fb1
RIP=ffffffff81061f10 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]
`;
const BIOS = `
CPU#0
EAX=000000b5 EBX=00000000 ECX=00005678 EDX=00000003
EIP=000eb0c6 EFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0008 00000000 ffffffff 00c09b00 DPL=0 CS32 [-RA]
`;

it('says of each CPU where it is, whether it halts and whether an interrupt could wake it', () => {
  expect(whereabouts(KERNEL)).toBe(
    'CPU 0 halted at ffffffff81a3d0db with interrupts on, CPU 1 running at ffffffff81061f10 with interrupts off',
  );
});

it('names the segment where the guest has not come to 64 bits', () => {
  expect(whereabouts(BIOS)).toBe('CPU 0 running at 0008:000eb0c6 with interrupts off');
});

it('does not invent a place that it was not told', () => {
  expect(whereabouts('CPU#0\nsomething else')).toBe('CPU 0 tells nothing');
});
