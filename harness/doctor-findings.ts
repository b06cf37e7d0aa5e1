/** The eyes of `netsoak doctor`: gathers what doctor-checks.ts judges. Whatever can't be seen becomes a finding, never an error. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { addon } from '../native/addon.js';
import { probeAccelerator } from '../vm/accelerator.js';
import { userCache } from '../vm/cache.js';
import { findKernel } from '../vm/kernel.js';
import { manifestOf } from '../vm/nix-supply.js';
import { cgroup2Mount } from './agent/cgroup.js';
import { leftOvers } from './clean.js';
import type { Findings } from './doctor-checks.js';
import { whatIsThere } from './pipeline/supply.js';
import { PROJECT } from './project.js';
import { loadQuarantine } from './quarantine.js';
import { RUNS } from './runs.js';
import { loadScenarios } from './scenarios.js';

const run = promisify(execFile);

/** What doctor shares with the set-up, which is plain JavaScript because it runs before anything is compiled. */
interface SetupModules {
  readonly isAtLeast: (version: string, range: string) => boolean;
  readonly staleOutput: (project: string) => string | undefined;
  readonly packagesMissing: (project: string) => string | undefined;
  readonly findProgram: (name: string) => string | undefined;
}

async function setupModules(): Promise<SetupModules> {
  const names = ['node-version', 'compiled', 'installed', 'system'];
  const modules = await Promise.all(names.map((name) => import(join(PROJECT, 'harness/setup', `${name}.mjs`)) as Promise<object>));
  return Object.assign({}, ...modules) as SetupModules;
}

export async function examine(): Promise<Findings> {
  const setup = await setupModules();
  const { engines } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as { engines: { node: string } };
  const cgroup2 = cgroup2Mount();
  const childHashEntries = numberIn('/proc/sys/net/ipv4/tcp_child_ehash_entries');
  const lackingPackage = setup.packagesMissing(PROJECT);
  const stale = setup.staleOutput(PROJECT);
  const supply = manifestOf(process.env);
  const kernel = supply?.kernel ?? (await findKernel());
  const busybox = supply?.busybox ?? setup.findProgram('busybox');
  return {
    arch: process.arch,
    supplier: supply === undefined ? 'debian' : 'nix',
    node: { version: process.versions.node, wanted: engines.node, suffices: setup.isAtLeast(process.versions.node, engines.node) },
    packages: lackingPackage === undefined ? {} : { lacking: lackingPackage },
    dist: stale === undefined ? {} : { stale },
    addon: addonState(),
    loadMissing: ['netsoak-load', 'netsoak-relay'].filter((name) => !existsSync(join(PROJECT, 'native/build', name))),
    qemu: await qemu(supply?.qemu ?? setup.findProgram('qemu-system-x86_64')),
    accelerator: await accelerator(),
    kernel: kernel === undefined ? {} : { release: kernel.release },
    programs: {
      ...Object.fromEntries(['xz', 'runc', 'chromium', 'nix'].map((name) => [name, setup.findProgram(name)])),
      ...(busybox ? { busybox } : {}),
    },
    privileges: { root: process.getuid?.() === 0, missing: missingCapabilities(readFileSync('/proc/self/status', 'utf8')) },
    ...(cgroup2 === undefined ? {} : { cgroup2 }),
    files: fileLimits(readFileSync('/proc/self/limits', 'utf8')),
    ...(childHashEntries === undefined ? {} : { childHashEntries }),
    runs: await roomFor(RUNS),
    temporary: await roomFor(tmpdir()),
    toolsMissing: TOOLS.filter((name) => setup.findProgram(name) === undefined),
    leftOvers: leftOvers({ temporary: tmpdir(), cache: userCache().own }).length,
    quarantine: await quarantine(),
    pipeline: whatIsThere(),
  };
}

/** setpriv and unshare make targets die with us, bash is their init, ip sets their links up. */
const TOOLS = ['setpriv', 'unshare', 'bash', 'ip'];

async function quarantine(): Promise<Findings['quarantine']> {
  try {
    const names = (await loadScenarios()).map(({ scenario }) => scenario.name);
    return { entries: [...loadQuarantine(names, new Date())].map(([name, { since }]) => `${name} since ${since}`) };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

function addonState(): { fault?: string } {
  try {
    addon();
    return {};
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

async function qemu(path: string | undefined): Promise<Findings['qemu']> {
  if (path === undefined) return { fault: 'qemu-system-x86_64 is not on PATH' };
  try {
    const { stdout } = await run(path, ['--version']);
    return { path, version: /version ([\d.]+)/.exec(stdout)?.[1] ?? 'of unknown version' };
  } catch (error) {
    return { fault: `${path} does not start: ${(error as Error).message.split('\n')[0]}` };
  }
}

async function accelerator(): Promise<Findings['accelerator']> {
  try {
    const { accelerator: kind, reason, slowdown } = await probeAccelerator();
    return { kind, reason, slowdown };
  } catch (error) {
    return { fault: (error as Error).message };
  }
}

/** Bits of capabilities(7) that namespaces, mounts and the subject's dumps take. */
const CAPABILITIES = { CAP_NET_ADMIN: 12n, CAP_SYS_PTRACE: 19n, CAP_SYS_ADMIN: 21n } as const;

/** Names of the capabilities above that `CapEff` of /proc/PID/status (proc(5)) lacks. */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(CAPABILITIES)
    .filter(([, bit]) => ((effective >> bit) & 1n) === 0n)
    .map(([name]) => name);
}

/** Reads /proc/PID/limits (proc(5)); `unlimited` becomes Infinity. */
export function fileLimits(limits: string): { soft: number; hard: number } {
  const [, soft = '0', hard = '0'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  const count = (text: string): number => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text));
  return { soft: count(soft), hard: count(hard) };
}

function numberIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Free bytes for an unprivileged writer where `folder` is or will be. */
async function roomFor(folder: string): Promise<Findings['runs']> {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = await statfs(there);
  return { folder, freeBytes: bavail * bsize };
}
