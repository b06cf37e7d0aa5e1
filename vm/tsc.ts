/**
 * How fast the time stamp counter of an emulated guest counts. TCG's is this machine's own; a Linux that is left alone finds its
 * frequency by a race against the emulated PIT. On a machine whose cores are wanted by others it loses that race: with 17 programs on two
 * cores the guest's clock then ran up to 36 times too fast, for good. So it is measured here, against our own clock, and told to the kernel.
 */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEBUG_EXIT_PORT, DEBUGCON_PORT, DONE_STATUS } from './boot-sector.js';
import { readCached, writeCached } from './cache.js';

const RECORDS = 600;
/** Rounds of an empty loop between two records: about a millisecond. */
const PAUSE_ROUNDS = 300_000;
const STACK = 0x6000;
const LIMIT_MS = 30_000;
/** Two measurements that differ by less are believed. The kernel's own first guess may be off by 500 ppm. */
const AGREE = 1e-3;
const TRIES = 4;
const FILE = 'tsc-1.json';

/** In kHz; measured once for each boot of this machine and version of QEMU. Undefined when no two measurements agree. */
export async function tscKhz(qemu: string): Promise<number | undefined> {
  const { size, mtimeMs } = statSync(qemu);
  const key = [readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), qemu, size, mtimeMs].join(' ');
  const known = parse(readCached(FILE));
  if (known?.key === key) return known.khz;
  const khz = await agreeing(qemu);
  if (khz === undefined) return undefined;
  try {
    writeCached(FILE, `${JSON.stringify({ key, khz })}\n`);
  } catch {
    // Without a cache it is measured again next time: slower, not wrong.
  }
  return khz;
}

function parse(text: string | undefined): { readonly key: string; readonly khz: number } | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as { key: string; khz: number });
  } catch {
    return undefined;
  }
}

async function agreeing(qemu: string): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'netsoak-probe-'));
  try {
    const sector = join(folder, 'sector');
    await writeFile(sector, tscSector());
    const seen: number[] = [];
    for (let i = 0; i < TRIES; i++) {
      const khz = frequencyOf(await records(qemu, sector));
      const like = khz === undefined ? undefined : seen.find((other) => Math.abs(khz / other - 1) < AGREE);
      if (khz !== undefined && like !== undefined) return Math.round((khz + like) / 2);
      if (khz !== undefined) seen.push(khz);
    }
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface TscRecord {
  readonly ticks: number;
  /** Our clock when it arrived, milliseconds: late by what the way took, never early. */
  readonly arrivedMs: number;
}

/**
 * Ticks a millisecond, that is kHz, from records in order. Each end is taken where the way was shortest: of the first and of the last third
 * the record that came least late.
 */
export function frequencyOf(all: readonly TscRecord[]): number | undefined {
  const third = Math.floor(all.length / 3);
  const [first, last] = [all[0], all.at(-1)];
  if (third < 10 || !first || !last) return undefined;
  let khz = (last.ticks - first.ticks) / (last.arrivedMs - first.arrivedMs);
  for (let round = 0; round < 3; round++) {
    const late = (r: TscRecord): number => r.arrivedMs - first.arrivedMs - (r.ticks - first.ticks) / khz;
    const earliest = (some: readonly TscRecord[]): TscRecord => some.reduce((a, b) => (late(b) < late(a) ? b : a));
    const [from, to] = [earliest(all.slice(0, third)), earliest(all.slice(-third))];
    khz = (to.ticks - from.ticks) / (to.arrivedMs - from.arrivedMs);
  }
  return Number.isFinite(khz) && khz > 0 ? khz : undefined;
}

async function records(qemu: string, sector: string): Promise<TscRecord[]> {
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-machine', 'pc', '-m', '16M', '-accel', 'tcg', '-cpu', 'max'],
    ...['-drive', `if=floppy,format=raw,readonly=on,file=${sector.replaceAll(',', ',,')}`],
    ...['-chardev', 'stdio,id=words,signal=off', '-device', `isa-debugcon,iobase=${DEBUGCON_PORT},chardev=words`],
    ...['-device', `isa-debug-exit,iobase=${DEBUG_EXIT_PORT},iosize=2`],
  ];
  const child = spawn(qemu, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const found: TscRecord[] = [];
  let bytes = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    const arrivedMs = performance.now();
    bytes = Buffer.concat([bytes, chunk]);
    // Of several that come at once the last has waited least.
    for (; bytes.length >= 8; bytes = bytes.subarray(8)) found.push({ ticks: Number(bytes.readBigUInt64LE()), arrivedMs });
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const status = await new Promise<number | null>((done) => {
    child.once('error', () => done(null));
    child.once('close', (code) => done(code));
  });
  clearTimeout(timer);
  return status === DONE_STATUS ? found : [];
}

/** Writes the counter as eight bytes, low one first, then pauses; again and again; then ends QEMU. Real mode, 32-bit operands by prefix 66. */
export function tscSector(): Buffer {
  const fourBytes = [
    ...[0xb9, ...word(4)], //                     mov cx, 4
    ...[0x88, 0xd8], //                           mov al, bl
    ...[0xe6, DEBUGCON_PORT], //                  out e9h, al
    ...[0x66, 0xc1, 0xeb, 0x08], //               shr ebx, 8
    ...[0xe2, 0xf6], //                           loop to mov al, bl
  ];
  const record = [
    ...[0x0f, 0x31], //                           rdtsc
    ...[0x66, 0x89, 0xc3], //                     mov ebx, eax
    ...[0x66, 0x89, 0xd7], //                     mov edi, edx
    ...fourBytes,
    ...[0x66, 0x89, 0xfb], //                     mov ebx, edi
    ...fourBytes,
    ...[0x66, 0xb9, ...word(PAUSE_ROUNDS), ...word(PAUSE_ROUNDS >>> 16)], // mov ecx, PAUSE_ROUNDS
    ...[0x66, 0x49], //                           dec ecx
    ...[0x75, 0xfc], //                           jnz to dec ecx
    0x4e, //                                      dec si
  ];
  const sector = Buffer.alloc(512);
  Buffer.from([
    0xfa, //                                      cli
    ...[0x31, 0xc0], //                           xor ax, ax
    ...[0x8e, 0xd0], //                           mov ss, ax
    ...[0xbc, ...word(STACK)], //                 mov sp, STACK
    ...[0xbe, ...word(RECORDS)], //               mov si, RECORDS
    ...record,
    ...[0x75, -(record.length + 2) & 0xff], //    jnz record
    ...[0xb8, ...word(DONE_STATUS >> 1)], //      mov ax, status
    ...[0xba, ...word(DEBUG_EXIT_PORT)], //       mov dx, 501h
    0xef, //                                      out dx, ax
    0xf4, //                                      hlt
  ]).copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff];
}
