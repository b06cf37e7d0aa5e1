/**
 * Takes profiles of the subject inside the target: V8's by a module that Node loads first, native frames by perf(1) where it is there and
 * allowed. Sends the files and the functions that took most; a profile that could not be had is a note, never a failure of the run.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { RunEvent } from '../facts/events.js';
import { type CpuProfile, type HeapProfile, type TopFunction, topOfCpu, topOfHeap, topOfPerf } from '../profile/top.js';
import { PROJECT } from '../project.js';

/** The compiled one, also when this file runs from source in a test. */
const PRELOAD = pathToFileURL(join(PROJECT, 'dist/harness/profile/preload.js')).href;
/** However long the run, a profile has no more samples than can be looked at. */
const MOST_SAMPLES = 60_000;
const LEAST_INTERVAL_US = 1_000;
const PERF_HERTZ = 99;
const PERF_BYTES = '64M';

export class SubjectProfiler {
  /** A target's /run is its own and goes with it, also when we are killed. */
  readonly #folder = mkdtempSync('/run/netsoak-profiles-');
  #perf: { readonly child: ChildProcess; readonly gone: Promise<unknown> } | undefined;
  #words = '';
  #starts = 0;

  /**
   * @param durationSeconds of the measured phase
   * @param keep stores a file in the run directory
   */
  constructor(
    private readonly durationSeconds: number,
    private readonly emit: (event: RunEvent) => void,
    private readonly keep: (name: string, gzip: Buffer) => void,
  ) {}

  /** For the subject's environment. */
  environment(given: Readonly<Record<string, string>>): Record<string, string> {
    return {
      ...given,
      NODE_OPTIONS: [given.NODE_OPTIONS ?? process.env.NODE_OPTIONS, `--import=${PRELOAD}`].filter(Boolean).join(' '),
      NETSOAK_PROFILE_FOLDER: this.#folder,
      NETSOAK_PROFILE_INTERVAL_US: String(Math.max(LEAST_INTERVAL_US, Math.ceil((this.durationSeconds * 1e6) / MOST_SAMPLES))),
    };
  }

  /** The subject works: native frames are watched from here until it is gone. */
  watch(pid: number): void {
    this.#starts++;
    const args = [
      'record',
      '--quiet',
      '-F',
      String(PERF_HERTZ),
      '-g',
      `--max-size=${PERF_BYTES}`,
      '-o',
      this.#perfData(),
      '-p',
      String(pid),
    ];
    const child = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString('utf8')).slice(-500);
    });
    const gone = Promise.race([once(child, 'exit'), once(child, 'error').then(([error]) => (this.#words += (error as Error).message))]);
    gone.catch(() => {});
    this.#perf = { child, gone };
  }

  /** The subject has ended: sends what there is of its profiles. */
  async collect(pid: number | undefined): Promise<void> {
    if (pid === undefined) return;
    this.#ofV8(pid, 'cpuprofile', 'cpu', (text) => topOfCpu(JSON.parse(text) as CpuProfile));
    this.#ofV8(pid, 'heapprofile', 'allocations', (text) => topOfHeap(JSON.parse(text) as HeapProfile));
    await this.#ofPerf();
  }

  close(): void {
    this.#perf?.child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #ofV8(pid: number, suffix: string, of: 'cpu' | 'allocations', top: (text: string) => TopFunction[]): void {
    const path = join(this.#folder, `${pid}.${suffix}`);
    if (!existsSync(path)) {
      this.emit({ kind: 'note', text: `no ${of} profile: the subject is no Node program, or did not exit by itself` });
      return;
    }
    const text = readFileSync(path, 'utf8');
    this.#send(of, `subject-${this.#starts}.${suffix}`, text, top(text));
  }

  async #ofPerf(): Promise<void> {
    const perf = this.#perf;
    this.#perf = undefined;
    if (!perf) return;
    // It ends with the process that it watches; after an error it is gone already.
    perf.child.kill('SIGINT');
    await perf.gone.catch(() => {});
    try {
      const args = [
        'report',
        '--stdio',
        '--no-children',
        '-g',
        'none',
        '-F',
        'overhead,comm,sym',
        '--percent-limit',
        '0.2',
        '-i',
        this.#perfData(),
      ];
      const report = execFileSync('perf', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
      const top = topOfPerf(report);
      if (top.length === 0) throw new Error(this.#words.trim() || 'it saw nothing');
      this.#send('native', `subject-${this.#starts}.perf.txt`, report, top);
    } catch (error) {
      const why = this.#words.trim().split('\n')[0] || (error as Error).message.split('\n')[0];
      this.emit({ kind: 'note', text: `no native profile: perf does not work here (${why})` });
    }
  }

  #send(of: 'cpu' | 'allocations' | 'native', file: string, text: string, top: readonly TopFunction[]): void {
    this.keep(file, gzipSync(text));
    this.emit({ kind: 'profile', of, file: `profiles/${file}`, top });
  }

  #perfData(): string {
    return join(this.#folder, `${this.#starts}.perf.data`);
  }
}
