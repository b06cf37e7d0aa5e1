/**
 * Finds out whether KVM works, by running guest code. That /dev/kvm exists, opens and makes a virtual machine
 * proves nothing: under nested virtualisation it may then refuse the CPU, hang, or be 35 times slower than no
 * acceleration at all, and QEMU's own fallback (`accel=kvm:tcg`) does not notice.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootSector, DEBUG_EXIT_PORT, DEBUGCON_PORT, DONE_STATUS, sameLoop } from './boot-sector.js';
import { readCached, writeCached } from './cache.js';
import { VmError } from './errors.js';
import { qemuProgram } from './supply.js';

export interface Acceleration {
  readonly accelerator: 'kvm' | 'tcg';
  /** Why this one, for people. */
  readonly reason: string;
  /** How many times slower a guest is than this machine, at least 1: what time limits are multiplied by. */
  readonly slowdown: number;
}

/**
 * Programs under TCG against the probe's loop. Measured on two cores, QEMU 7.2, Node 20 in the guest and outside:
 * recursion 80, JSON 18, Map 13, sort 13, reads of /proc 40, floating point 3 times slower; geometric mean 18, where
 * the loop is 15 times slower.
 */
const PROGRAMS_OVER_LOOP = 1.2;

/** A working KVM takes 0.15 s for the whole probe. */
const KVM_LIMIT_MS = 1000;
/** TCG takes 0.4 s; a busy machine takes longer, and there is nothing to fall back to. */
const TCG_LIMIT_MS = 30_000;

/** Measures once for each boot of this machine and version of QEMU, then remembers. */
export async function probeAccelerator(): Promise<Acceleration> {
  const qemu = await qemuProgram();
  const key = fingerprint(qemu);
  const known = remembered(readCached(FILE), key);
  if (known !== undefined) return known;
  const acceleration = await measure(qemu);
  try {
    writeCached(FILE, `${JSON.stringify({ key, ...acceleration })}\n`);
  } catch {
    // Without a cache it is measured again next time: slower, not wrong.
  }
  return acceleration;
}

/** Raise the number when the measurement changes. */
const FILE = 'accelerator-2.json';

/** The boot, the QEMU and whether this user may use KVM: what root found out need not hold for others. */
function fingerprint(qemu: string): string {
  const { size, mtimeMs } = statSync(qemu);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return [boot, qemu, size, mtimeMs, kvmDenied() ?? 'kvm opens'].join(' ');
}

function remembered(text: string | undefined, key: string): Acceleration | undefined {
  if (text === undefined) return undefined;
  try {
    const { key: of, ...acceleration } = JSON.parse(text) as Acceleration & { key: string };
    return of === key ? acceleration : undefined;
  } catch {
    return undefined;
  }
}

/** Why /dev/kvm can't even be opened, or undefined. */
function kvmDenied(): string | undefined {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no /dev/kvm' : 'this user may not open /dev/kvm';
  }
}

async function measure(qemu: string): Promise<Acceleration> {
  const folder = await mkdtemp(join(tmpdir(), 'netsoak-probe-'));
  try {
    const sector = join(folder, 'sector');
    await writeFile(sector, bootSector());
    const before = nativeSeconds();
    const denied = kvmDenied();
    const kvm = denied === undefined ? await trial(qemu, ['-accel', 'kvm', '-cpu', 'host'], sector, KVM_LIMIT_MS) : { failure: denied };
    // The better of two: the first may have been disturbed, and it will be believed until the next boot.
    const tcg = fasterOf(
      await trial(qemu, ['-accel', 'tcg', '-cpu', 'max'], sector, TCG_LIMIT_MS),
      await trial(qemu, ['-accel', 'tcg', '-cpu', 'max'], sector, TCG_LIMIT_MS),
    );
    // Before and after, the better one: a moment's neighbour on this CPU would make the guest look fast.
    return choose(kvm, tcg, Math.min(before, nativeSeconds()));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export type Trial = { readonly seconds: number } | { readonly failure: string };

/** The faster one of those that ran guest code. Throws when none did. */
export function choose(kvm: Trial, tcg: Trial, nativeSeconds: number): Acceleration {
  if ('failure' in tcg && 'failure' in kvm) {
    throw new VmError('qemu-failed', `QEMU runs no guest code: ${tcg.failure}`, 'run `netsoak doctor`, or use --target host');
  }
  if ('seconds' in kvm && ('failure' in tcg || kvm.seconds <= tcg.seconds)) {
    const faster = 'seconds' in tcg ? `, ${(tcg.seconds / kvm.seconds).toFixed(0)} times faster than emulation` : '';
    return { accelerator: 'kvm', reason: `KVM runs guest code${faster}`, slowdown: Math.max(1, round(kvm.seconds / nativeSeconds)) };
  }
  const { seconds } = tcg as { seconds: number };
  const why =
    'failure' in kvm
      ? `KVM is of no use here (${kvm.failure})`
      : `KVM is slower here (${kvm.seconds.toFixed(2)} s for what TCG does in ${seconds.toFixed(2)} s)`;
  return { accelerator: 'tcg', reason: `${why}: emulated by QEMU's TCG`, slowdown: slowdownOf(seconds, nativeSeconds) };
}

/**
 * How much slower programs run under TCG than on this machine: the loop's ratio times {@link PROGRAMS_OVER_LOOP}.
 */
function slowdownOf(tcgSeconds: number, nativeSeconds: number): number {
  return Math.max(1, round((tcgSeconds / nativeSeconds) * PROGRAMS_OVER_LOOP));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function fasterOf(a: Trial, b: Trial): Trial {
  if ('failure' in a) return b;
  if ('failure' in b) return a;
  return a.seconds <= b.seconds ? a : b;
}

/** Time of the loop on this machine, compiled by V8: the best of a few, the first of which V8 compiles in. */
function nativeSeconds(): number {
  return Math.min(
    ...Array.from({ length: 10 }, () => {
      const begin = performance.now();
      sameLoop();
      return (performance.now() - begin) / 1000;
    }),
  );
}

/** Runs the sector. The time is that between its two words, so QEMU's own start does not count. */
async function trial(qemu: string, accelerator: readonly string[], sector: string, limitMs: number): Promise<Trial> {
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-machine', 'pc', '-m', '16M'],
    ...accelerator,
    ...['-drive', `if=floppy,format=raw,readonly=on,file=${sector.replaceAll(',', ',,')}`],
    ...['-chardev', 'stdio,id=words,signal=off', '-device', `isa-debugcon,iobase=${DEBUGCON_PORT},chardev=words`],
    ...['-device', `isa-debug-exit,iobase=${DEBUG_EXIT_PORT},iosize=2`],
  ];
  const child = spawn(qemu, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = Buffer.alloc(0);
  let begin = Number.NaN;
  let end = Number.NaN;
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    words = Buffer.concat([words, chunk]);
    if (Number.isNaN(begin) && words.includes('B')) begin = performance.now();
    if (Number.isNaN(end) && words.includes('E')) end = performance.now();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-4000);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limitMs);
  const status = await new Promise<number | string | null>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(signal ?? code));
  });
  clearTimeout(timer);
  if (late)
    return {
      failure: Number.isNaN(begin)
        ? `no guest code ran within ${limitMs / 1000} s`
        : `a loop of 0.3 s did not end within ${limitMs / 1000} s`,
    };
  if (status !== DONE_STATUS) return { failure: firstCause(stderr) ?? `QEMU ended with ${status}` };
  const result = words.subarray(words.indexOf('E') + 1);
  if (result.length !== 4 || result.readUInt32LE() !== sameLoop()) return { failure: 'the guest computed a wrong result' };
  return { seconds: (end - begin) / 1000 };
}

/** The line of QEMU's that tells most: an error rather than the assertion that it ends in. */
function firstCause(stderr: string): string | undefined {
  const lines = stderr.trim().split('\n').filter(Boolean);
  const line = lines.find((l) => /error|failed|denied/i.test(l)) ?? lines[0];
  return line?.replace(/^qemu-system-\S+: (-accel \S+: )?/, '');
}
