/** Runs the real `netsoak` as a user would, and looks at what it leaves behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'vitest';
import { cgroup2Mount, runCgroup } from './agent/cgroup.js';
import type { Verdict } from './facts/verdict.js';
import { PROJECT } from './project.js';

/** A run that is over soon, for tests of what happens around it: a dozen polls, more rows than the flush cap. */
export const BRIEF = [
  '--target',
  'host',
  '--duration',
  '6s',
  '--set',
  'namespaces=20',
  '--set',
  'flushRows=50',
  '--set',
  'pollInterval=0.5',
  '--seed',
  '1',
];

export interface Finished {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves once stderr has said so. */
  said(words: string): Promise<void>;
}

export function start(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Started {
  const child = spawn(process.execPath, [join(PROJECT, 'dist/harness/cli.js'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const finished = new Promise<Finished>((done) => child.once('close', (code, signal) => done({ code, signal, stdout, stderr })));
  const said = async (words: string): Promise<void> => {
    while (!stderr.includes(words)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended before it said "${words}":\n${stderr}`);
      await new Promise((next) => setTimeout(next, 50));
    }
  };
  return { child, finished, said };
}

/** A folder for run directories and for the runs' temporary files, so that what a run leaves behind is known as its own. */
export class Runs {
  readonly folder = mkdtempSync(join(tmpdir(), 'netsoak-runs-'));
  readonly #temporary = join(this.folder, 'tmp');

  constructor() {
    mkdirSync(this.#temporary);
  }

  /** The environment of a run that belongs here. */
  get env(): NodeJS.ProcessEnv {
    return { TMPDIR: this.#temporary };
  }

  start(...args: readonly string[]): Started {
    return this.startWith({}, ...args);
  }

  startWith(env: NodeJS.ProcessEnv, ...args: readonly string[]): Started {
    return start([...args, '--out', this.folder], { ...process.env, ...this.env, ...env });
  }

  run(...args: readonly string[]): Promise<Finished> {
    return this.start(...args).finished;
  }

  /** Directory of the only (or newest) run. */
  latest(): string {
    return join(this.folder, 'latest');
  }

  verdict(): Verdict {
    return JSON.parse(readFileSync(join(this.latest(), 'verdict.json'), 'utf8')) as Verdict;
  }

  failed(): string[] {
    return this.verdict()
      .invariants.filter((i) => i.verdict === 'fail')
      .map((i) => i.name);
  }

  /** What the runs left on the machine and must not: processes, sockets and other files, cgroups, mounts. */
  traces(): string[] {
    const mount = cgroup2Mount();
    const cgroups = readdirSync(this.folder).map(runCgroup);
    const processes = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n');
    return [
      ...processes.filter((args) => args.includes(this.folder)),
      ...readdirSync(this.#temporary),
      ...[mount ?? [], '/sys/fs/cgroup/memory']
        .flat()
        .filter((folder) => existsSync(folder))
        .flatMap((folder) => readdirSync(folder))
        .filter((name) => cgroups.some((run) => name.startsWith(`${run}-`))),
      ...readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.folder)),
    ];
  }

  /** Resolves when nothing of the runs is left; throws with what is after half a minute. */
  async leftNothing(): Promise<void> {
    const ends = Date.now() + 30_000;
    for (let left = this.traces(); left.length > 0; left = this.traces()) {
      if (Date.now() > ends) throw new Error(`the runs left on the machine:\n${left.join('\n')}`);
      await delay(200);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A test with {@link Runs} of its own, of which nothing may be left on the machine at its end. */
export const it = test.extend<{ runs: Runs }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures are needed first
  runs: async ({}, use) => {
    const runs = new Runs();
    await use(runs);
    await runs.leftNothing();
    runs.remove();
  },
});

/**
 * Sends `signal` to the process among the descendants of `ancestor` whose `comm` or arguments match `program`. Throws when there is none, or
 * more than one: a test must know whom it hit.
 */
export function signalOf(ancestor: number, program: RegExp, signal: NodeJS.Signals): void {
  const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [])
    .map(([, pid, parent, args]) => ({ pid: Number(pid), parent: Number(parent), args: args ?? '' }));
  const family = new Set([ancestor]);
  // Parents may be listed after their children once pids have wrapped.
  for (let grown = -1; grown !== family.size; ) {
    grown = family.size;
    for (const { pid, parent } of rows) if (family.has(parent)) family.add(pid);
  }
  const found = rows.filter(({ pid, args }) => family.has(pid) && program.test(args));
  const [one] = found;
  if (!one || found.length > 1) throw new Error(`${found.length} processes match ${program}: ${found.map(({ args }) => args).join(', ')}`);
  process.kill(one.pid, signal);
}
