/**
 * Looks at the subject from outside, once a second: every process of its cgroup through /proc, and its
 * metrics endpoint. What could not be read is null. It also keeps two of the restart witnesses that need no
 * exit: `startstack` (an execve keeps pid and start time but not this) and process_start_time_seconds.
 */
import { gzipSync } from 'node:zlib';
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import type { Invariant } from '../facts/plan.js';
import { median } from '../stats/sample.js';
import type { Cgroup } from './cgroup.js';
import { gatherEvidence } from './evidence.js';
import { type HeapSnapshotWay, prepareHeapSnapshot, takeHeapSnapshot } from './heap-snapshot.js';
import { httpGet, readMetrics } from './http.js';
import { countFds, PAGE_BYTES, type ProcessStat, readStat, TICKS_A_SECOND, zombiesOf } from './procfs.js';
import type { SubjectSupervisor } from './supervisor.js';

const START_METRIC = 'process_start_time_seconds';
/** An execve shows in both witnesses; within this time they tell of the same one. */
const SAME_REPLACEMENT_SECONDS = 15;
/** Before that many samples a median says little; after that many it moves no more. */
const LEAST_FOR_MEDIAN = 30;
const MOST_FOR_MEDIAN = 600;

export interface SamplerOptions {
  readonly metricsUrl: string;
  /** Series name -> metric name. */
  readonly metrics: Readonly<Record<string, string>>;
  /** Seconds between scrapes; samples of /proc are taken each second. */
  readonly scrapeSeconds: number;
  readonly invariants: readonly Invariant[];
  readonly heapSnapshot: HeapSnapshotWay | undefined;
  readonly limitSeconds: number;
  /** For how long the subject was kept from running, in all. */
  readonly starvedSeconds: () => number;
  /** Stores a piece of evidence in the run directory. */
  readonly keep: (name: string, gzip: Buffer) => void;
}

export class Sampler {
  #timer: NodeJS.Timeout | undefined;
  #round = 0;
  #due = 0;
  #image: { start: number; startStack: string; startTime: number | null; replacedAt: number } | undefined;
  readonly #evidenceFor = new Set<string>();
  #snapshotTaken = false;
  /** As the last look saw them: one that dies is a zombie for a moment. */
  #zombies: readonly number[] = [];
  /** Samples of the measured phase, by series, for bounds over their own median. */
  readonly #seen = new Map<string, number[]>();
  /** Whether what is sampled now is judged. */
  measuring = false;

  constructor(
    private readonly supervisor: SubjectSupervisor,
    private readonly cgroup: Cgroup,
    private readonly options: SamplerOptions,
    private readonly emit: (event: RunEvent) => void,
    private readonly series: (v: SeriesPoint['v']) => void,
  ) {}

  start(): void {
    if (this.#timer) return;
    if (this.options.heapSnapshot) prepareHeapSnapshot(this.options.heapSnapshot);
    this.#due = performance.now();
    this.#tick();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const lag = Math.max(0, performance.now() - this.#due);
    // From the due time, not from now: samples keep their period although each one comes a little late.
    this.#due = Math.max(this.#due + 1000, performance.now());
    this.#timer = setTimeout(() => this.#tick(), this.#due - performance.now());
    const values = this.#sample();
    const { user, system } = process.cpuUsage();
    this.series({
      ...values,
      'agent.lagSeconds': lag / 1000,
      'agent.rssBytes': process.memoryUsage.rss(),
      'agent.cpuSeconds': (user + system) / 1e6,
    });
    this.#collectEvidence(values);
    if (this.#round++ % this.options.scrapeSeconds === 0) void this.#scrape();
  }

  #sample(): Record<string, number | null> {
    const unknown = {
      'subject.threads': null,
      'subject.rssBytes': null,
      'subject.fds': null,
      'subject.cpuSeconds': null,
      'subject.processes': null,
      'subject.zombies': null,
    };
    const main = this.supervisor.pid;
    if (main === undefined) return unknown;
    const stats: ProcessStat[] = [];
    let fds: number | null = 0;
    const pids = this.cgroup.pids();
    for (const pid of pids) {
      const stat = readStat(pid);
      const open = countFds(pid);
      if (stat) stats.push(stat);
      fds = fds === null || open === undefined ? null : fds + open;
    }
    const mainStat = stats.find((s) => s.pid === main);
    if (!mainStat) return unknown;
    this.#watchImage(mainStat);
    const before = this.#zombies;
    this.#zombies = zombiesOf(pids);
    const sum = (of: (s: ProcessStat) => number): number => stats.reduce((total, s) => total + of(s), 0);
    return {
      'subject.threads': sum((s) => s.threads),
      'subject.rssBytes': sum((s) => s.rssPages) * PAGE_BYTES,
      'subject.fds': fds,
      'subject.cpuSeconds': sum((s) => s.cpuTicks) / TICKS_A_SECOND,
      'subject.processes': stats.length,
      'subject.zombies': this.#zombies.filter((pid) => before.includes(pid)).length,
      'subject.starvedSeconds': Number(this.options.starvedSeconds().toFixed(3)),
    };
  }

  /** What the subject says of a series now: null when it does not answer, undefined when its description has no such metric. */
  async read(series: string): Promise<number | null | undefined> {
    const metric = this.options.metrics[series];
    if (metric === undefined) return undefined;
    const answer = await httpGet(this.options.metricsUrl, this.options.scrapeSeconds * 5000);
    return (answer?.status === 200 ? readMetrics(answer.body, [metric]).get(metric) : null) ?? null;
  }

  async #scrape(): Promise<void> {
    const start = this.supervisor.start;
    const names = Object.values(this.options.metrics);
    const answer = await httpGet(this.options.metricsUrl, this.options.scrapeSeconds * 5000);
    const found = readMetrics(answer?.status === 200 ? answer.body : '', [...names, START_METRIC]);
    const values: Record<string, number | null> = { 'subject.scraped': answer?.status === 200 ? 1 : null };
    for (const [series, metric] of Object.entries(this.options.metrics)) values[series] = found.get(metric) ?? null;
    this.series(values);
    const startTime = found.get(START_METRIC) ?? null;
    const image = this.#image;
    if (startTime === null || image?.start !== start || this.supervisor.start !== start) return;
    if (image.startTime !== null && Math.abs(startTime - image.startTime) > 0.5)
      this.#replaced('start-time-metric', String(image.startTime), String(startTime));
    image.startTime = startTime;
  }

  /** From its first image on a change is a replacement. On a slow target the shell that becomes the subject may be there for seconds before. */
  #watchImage(main: ProcessStat): void {
    const start = this.supervisor.start;
    const before = this.#image;
    if (before?.start !== start) {
      // Read anew: what is in hand may be the shell's still.
      const startStack = this.supervisor.isItself ? readStat(main.pid)?.startStack : undefined;
      if (startStack === undefined) return;
      this.#image = { start, startStack, startTime: null, replacedAt: Number.NEGATIVE_INFINITY };
    } else if (before.startStack !== main.startStack) {
      this.#replaced('startstack', before.startStack, main.startStack);
      before.startStack = main.startStack;
    }
  }

  #replaced(witness: 'startstack' | 'start-time-metric', before: string, after: string): void {
    const image = this.#image;
    const now = performance.now() / 1000;
    if (!image || now - image.replacedAt < SAME_REPLACEMENT_SECONDS) return;
    image.replacedAt = now;
    this.emit({ kind: 'subject-replaced', start: image.start, witness, before, after });
  }

  /** At the first sample over a bound: what the subject looks like while it still does. */
  #collectEvidence(values: Record<string, number | null>): void {
    for (const invariant of this.options.invariants) {
      if (invariant.type !== 'ceiling' && invariant.type !== 'ceiling-over-median') continue;
      const { name, series } = invariant;
      const value = values[series];
      if (!series.startsWith('subject.') || value === null || value === undefined || this.#evidenceFor.has(name)) continue;
      if (invariant.type === 'ceiling' ? value <= invariant.max : !this.#isOverMedian(invariant, value)) continue;
      this.#evidenceFor.add(name);
      // A bound over a median that still moves may be an early alarm, and a snapshot would make it a true one.
      void this.#keepEvidence(name, value, invariant.type === 'ceiling');
    }
  }

  /** As the verdict will see it, but of the samples so far: an early alarm costs a few files. */
  #isOverMedian({ series, factor, plus }: Extract<Invariant, { type: 'ceiling-over-median' }>, value: number): boolean {
    if (!this.measuring) return false;
    const seen = this.#seen.get(series) ?? [];
    this.#seen.set(series, seen);
    const bound = seen.length < LEAST_FOR_MEDIAN ? Number.POSITIVE_INFINITY : factor * median(seen) + plus;
    if (seen.length < MOST_FOR_MEDIAN) seen.push(value);
    return value > bound;
  }

  async #keepEvidence(invariant: string, value: number, withSnapshot: boolean): Promise<void> {
    const pid = this.supervisor.pid;
    const { data, files } = gatherEvidence(this.cgroup.pids());
    const prefix = `${this.#evidenceFor.size}-${invariant.replace(/[^\w-]/g, '_')}`;
    for (const { name, text } of files) this.options.keep(`${prefix}-${name}`, gzipSync(text));
    this.emit({ kind: 'evidence', invariant, data: { value, ...data, files: files.map(({ name }) => `evidence/${prefix}-${name}`) } });
    const way = this.options.heapSnapshot;
    // One is enough: it is large, and the subject stands still for it.
    if (!withSnapshot || way === undefined || pid === undefined || this.#snapshotTaken) return;
    this.#snapshotTaken = true;
    const snapshot = await takeHeapSnapshot(way, pid, 2 * this.options.limitSeconds);
    if (typeof snapshot === 'string') this.emit({ kind: 'note', text: snapshot });
    else {
      this.options.keep(`${prefix}.heapsnapshot`, gzipSync(snapshot));
      this.emit({ kind: 'note', text: `a heap snapshot is in evidence/${prefix}.heapsnapshot` });
    }
  }
}
