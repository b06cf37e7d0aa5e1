/**
 * A machine program of 512 bytes for the accelerator probe: says `B`, runs a fixed loop, says `E` and the loop's
 * result, ends QEMU. And the same loop in JavaScript, to know the result and how long this machine takes itself.
 * Pure.
 */

/** Rounds of the loop: about 0.3 s under TCG on a machine of 2020, 10 ms with KVM. */
export const ROUNDS = 4_000_000;

/** Exit status of QEMU when the program reached its end: isa-debug-exit gives (value << 1) | 1. */
export const DONE_STATUS = (0x10 << 1) | 1;

/** Where the program's `out` goes: QEMU's isa-debugcon and isa-debug-exit, at these ports. */
export const DEBUGCON_PORT = 0xe9;
export const DEBUG_EXIT_PORT = 0x501;

/** Factor of a linear congruential generator (Numerical Recipes); any odd number would do. */
const FACTOR = 1664525;

const LOAD_ADDRESS = 0x7c00; // where a BIOS puts a boot sector

/** In another page than the code: TCG takes writes to a page of code for self-modification, 100 times slower. */
const STACK = 0x6000;

/**
 * The sector. Real mode with 32-bit operands (prefix 66). Each round loads, computes, stores and makes an indirect
 * call: a loop in registers alone would flatter TCG, whose costs are memory accesses and computed jumps.
 */
export function bootSector(rounds: number = ROUNDS): Buffer {
  const begin = [
    0xfa, //                                    cli
    ...[0x31, 0xc0], //                         xor ax, ax
    ...[0x8e, 0xd0], //                         mov ss, ax
    ...[0xbc, ...word(STACK)], //               mov sp, STACK
    ...[0xb8, ...word(0x1000)], //              mov ax, 1000h      the 64 KiB from 10000h on are our memory
    ...[0x8e, 0xd8], //                         mov ds, ax
    ...[0x8e, 0xc0], //                         mov es, ax
    ...[0x31, 0xff], //                         xor di, di
    ...[0x31, 0xc0], //                         xor ax, ax
    ...[0xb9, ...word(0x8000)], //              mov cx, 8000h
    0xfc, //                                    cld
    ...[0xf3, 0xab], //                         rep stosw          empty it
    ...[0xb0, 'B'.charCodeAt(0)], //            mov al, 'B'
    ...[0xe6, DEBUGCON_PORT], //                out e9h, al
    ...[0x66, 0x31, 0xc0], //                   xor eax, eax       eax = value
    ...[0x31, 0xdb], //                         xor bx, bx         bx = place, 64 KiB round
    ...[0x66, 0xb9, ...dword(rounds)], //       mov ecx, rounds
  ];
  const loop = [
    ...[0x66, 0x03, 0x07], //                   add eax, [bx]
    ...[0x66, 0x31, 0xc8], //                   xor eax, ecx
    ...[0x66, 0x69, 0xc0, ...dword(FACTOR)], // imul eax, eax, FACTOR
    ...[0x66, 0x89, 0x07], //                   mov [bx], eax
    ...[0xff, 0xd6], //                         call si
    ...[0x83, 0xc3, 0x04], //                   add bx, 4
    ...[0x66, 0x49], //                         dec ecx
  ];
  const again = [0x75, byte(-(loop.length + 2))]; // jnz loop
  const end = [
    ...[0x66, 0x89, 0xc2], //                   mov edx, eax
    ...[0xb0, 'E'.charCodeAt(0)], //            mov al, 'E'
    ...[0xe6, DEBUGCON_PORT], //                out e9h, al
    ...[0xb9, ...word(4)], //                   mov cx, 4
    ...[0x88, 0xd0], //                         mov al, dl         the result, low byte first
    ...[0xe6, DEBUGCON_PORT], //                out e9h, al
    ...[0x66, 0xc1, 0xea, 0x08], //             shr edx, 8
    ...[0xe2, byte(-10)], //                    loop to mov al, dl
    ...[0xb8, ...word(DONE_STATUS >> 1)], //    mov ax, status
    ...[0xba, ...word(DEBUG_EXIT_PORT)], //     mov dx, 501h
    0xef, //                                    out dx, ax         QEMU ends here
    0xf4, //                                    hlt
  ];
  const callee = [
    ...[0x66, 0xd1, 0xc0], //                   rol eax, 1
    0xc3, //                                    ret
  ];
  const target = LOAD_ADDRESS + begin.length + 3 + loop.length + again.length + end.length;
  const setTarget = [0xbe, ...word(target)]; // mov si, callee
  const sector = Buffer.alloc(512);
  Buffer.from([...begin, ...setTarget, ...loop, ...again, ...end, ...callee]).copy(sector);
  sector.writeUInt16LE(0xaa55, 510); // what makes it a boot sector
  return sector;
}

/** The same loop; V8 compiles it to about the same instructions. Returns what the sector says after `E`. */
export function sameLoop(rounds: number = ROUNDS): number {
  const memory = new Int32Array(16384);
  let value = 0;
  let place = 0;
  for (let left = rounds; left > 0; left--) {
    value = Math.imul(((value + (memory[place] as number)) | 0) ^ left, FACTOR);
    memory[place] = value;
    value = rotateLeft(value);
    place = (place + 1) & 16383;
  }
  return value >>> 0;
}

function rotateLeft(value: number): number {
  return (value << 1) | (value >>> 31);
}

function byte(value: number): number {
  return value & 0xff;
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff];
}

function dword(value: number): number[] {
  return [...word(value), ...word(value >>> 16)];
}
