/**
 * The run directory. Facts are appended with one write(2) each, so that what was known is on disk even if
 * the harness is killed in the next instant; nothing is ever rewritten. Time stamps are seconds since the
 * run began, on this process's monotonic clock.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RunEvent, SeriesPoint, Stored } from './facts/events.js';
import type { Plan } from './facts/plan.js';
import { disown, own } from './owner.js';

/** Held back at the start, so that a disk that fills up still takes the last facts, the verdict and the report. */
const RESERVE = '.reserve';
const RESERVE_BYTES = 1024 * 1024;

export class RunStore {
  #full = false;
  readonly #began = process.hrtime.bigint();
  readonly #events: number;
  readonly #series: number;

  private constructor(readonly directory: string) {
    this.#events = openSync(join(directory, 'events.ndjson'), 'a');
    this.#series = openSync(join(directory, 'series.ndjson'), 'a');
  }

  /** Creates `<parent>/<plan.id>`, writes plan.json and points `<parent>/latest` at it. */
  static create(parent: string, plan: Plan): RunStore {
    const id = claimDirectory(parent, plan.id);
    const directory = join(parent, id);
    own(directory);
    mkdirSync(join(directory, 'guest'));
    writeFileSync(join(directory, 'plan.json'), `${JSON.stringify({ ...plan, id }, null, 2)}\n`);
    writeFileSync(join(directory, RESERVE), Buffer.alloc(RESERVE_BYTES));
    const store = new RunStore(directory);
    pointLatest(parent, directory);
    return store;
  }

  /** Its name, which tells runs of one seed that began in the same second apart. */
  get id(): string {
    return basename(this.directory);
  }

  now(): number {
    return Number(process.hrtime.bigint() - this.#began) / 1e9;
  }

  event(event: RunEvent): Stored<RunEvent> {
    const stored = { at: Number(this.now().toFixed(3)), ...event };
    this.#append(this.#events, stored);
    return stored;
  }

  /** A point that was true `at` an earlier moment stands after newer ones in the file; readers sort. */
  series(v: SeriesPoint['v'], at = this.now()): SeriesPoint {
    const point = { at: Number(Math.max(0, at).toFixed(3)), v };
    this.#append(this.#series, point);
    return point;
  }

  /** Stores a profile or a piece of evidence. Its name comes out of the target: no path of it is followed. */
  file(kind: 'profiles' | 'evidence', name: string, gzip: Buffer): void {
    const folder = join(this.directory, kind === 'evidence' ? 'evidence' : 'profiles');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, basename(name)), gunzipSync(gzip));
  }

  /** The disk filled up: the reserve is being used and the run must end. */
  get full(): boolean {
    return this.#full;
  }

  /** Closes the files and gives the reserve back, which leaves room for what is derived. */
  close(): void {
    closeSync(this.#events);
    closeSync(this.#series);
    rmSync(join(this.directory, RESERVE), { force: true });
    disown(this.directory);
  }

  #append(fd: number, fact: object): void {
    const line = Buffer.from(`${JSON.stringify(fact)}\n`);
    for (let written = 0; written < line.length; ) {
      try {
        written += writeSync(fd, line, written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || this.#full) throw error;
        this.#full = true;
        // Emptied in place first: a file that is only unlinked may still be held by a snapshot or a reader.
        truncateSync(join(this.directory, RESERVE));
      }
    }
  }
}

/** Makes a directory that nobody else has: two runs of one seed may begin in the same second. */
function claimDirectory(parent: string, id: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? id : `${id}-${n}`;
    try {
      mkdirSync(join(parent, name));
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Two runs that end together may race for the link; a rename replaces it in one step. */
function pointLatest(parent: string, directory: string): void {
  const temporary = join(parent, `.latest-${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(basename(directory), temporary);
  renameSync(temporary, join(parent, 'latest'));
}
