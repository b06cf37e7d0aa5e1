/**
 * Where measurements are kept: `reports/runs/bench/`, which git ignores, because a figure means nothing on another machine.
 * `results/` and `comparisons/` hold whole measurements, `baselines/` those with a name, `noise/` one file a host, and
 * `history.ndjson` one line a measurement of the working tree, appended in one write and never rewritten.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { NetsoakError } from '../errors.js';
import { median } from '../stats/sample.js';
import { METRIC_NAMES, METRICS, rowId } from './benchmark.js';
import { type Host, hostKey } from './host.js';
import { type BenchComparison, type BenchResult, type Noise, noiseKey } from './result.js';

/** One line of the history. */
export interface HistoryEntry {
  readonly at: string;
  readonly revision: string;
  readonly host: Host;
  /** Medians of the judged metrics by {@link noiseKey}. */
  readonly medians: Readonly<Record<string, number>>;
}

export class BenchStore {
  constructor(readonly folder: string) {}

  /** Keeps a result and adds it to the history; returns its path. */
  addResult(result: BenchResult): string {
    const path = this.#write('results', fileName(result.at, result.revision), result);
    const medians: Record<string, number> = {};
    for (const row of result.rows) {
      for (const metric of METRIC_NAMES) {
        const values = row.metrics[metric];
        if (values && METRICS[metric].judged) medians[noiseKey(rowId(row), metric)] = Number(median(values).toPrecision(6));
      }
    }
    const entry: HistoryEntry = { at: result.at, revision: result.revision, host: result.host, medians };
    this.#append('history.ndjson', JSON.stringify(entry));
    return path;
  }

  /** Keeps a result of another tree than the working one: it has no place in the history. */
  keepResult(result: BenchResult): void {
    this.#write('results', fileName(result.at, result.revision), result);
  }

  addComparison(comparison: BenchComparison): string {
    return this.#write('comparisons', fileName(comparison.at, comparison.new.revision), comparison);
  }

  /** Measurements of hosts equal to `host`, oldest first. A line cut short by a full disk is passed over. */
  history(host: Host): HistoryEntry[] {
    const path = join(this.folder, 'history.ndjson');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line): HistoryEntry[] => {
        try {
          return [JSON.parse(line) as HistoryEntry];
        } catch {
          return [];
        }
      })
      .filter((entry) => hostKey(entry.host) === hostKey(host));
  }

  saveBaseline(name: string, result: BenchResult): string {
    return this.#write('baselines', `${baselineName(name)}.json`, { ...result, label: `baseline ${name}` });
  }

  loadBaseline(name: string): BenchResult {
    const path = join(this.folder, 'baselines', `${baselineName(name)}.json`);
    if (!existsSync(path)) {
      const known = this.#list('baselines').map((file) => file.replace(/\.json$/, ''));
      throw new NetsoakError(
        'user',
        'no-baseline',
        `there is no baseline ${name}`,
        known.length > 0 ? `known: ${known.join(', ')}` : `make one: netsoak bench --save ${name}`,
      );
    }
    return JSON.parse(readFileSync(path, 'utf8')) as BenchResult;
  }

  noise(host: Host): Noise | null {
    const path = join(this.folder, 'noise', `${hostKey(host)}.json`);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Noise) : null;
  }

  /** Rows that were not measured this time keep what was known of them. */
  saveNoise(noise: Noise): void {
    const rows = { ...this.noise(noise.host)?.rows, ...noise.rows };
    this.#write('noise', `${hostKey(noise.host)}.json`, { ...noise, rows });
  }

  /** The newest result of this very revision, among baselines and results; one of a tree with changes is of none. */
  findRevision(revision: string): BenchResult | undefined {
    const results = ['results', 'baselines'].flatMap((folder) =>
      this.#list(folder).map((file) => JSON.parse(readFileSync(join(this.folder, folder, file), 'utf8')) as BenchResult),
    );
    return results
      .filter((result) => result.revision === revision)
      .sort((a, b) => a.at.localeCompare(b.at))
      .at(-1);
  }

  /** The newest comparison of two revisions whose samples were taken in turn, which tells more than two results of different days. */
  findComparison(old: string, now: string): BenchComparison | undefined {
    return this.#list('comparisons')
      .map((file) => JSON.parse(readFileSync(join(this.folder, 'comparisons', file), 'utf8')) as BenchComparison)
      .filter((each) => each.interleaved && each.old.revision === old && each.new.revision === now)
      .sort((a, b) => a.at.localeCompare(b.at))
      .at(-1);
  }

  /** In one write; on a line of its own, also behind one that was cut short. */
  #append(file: string, line: string): void {
    const history = openSync(join(this.folder, file), 'a+');
    const last = Buffer.from('\n');
    const { size } = fstatSync(history);
    if (size > 0) readSync(history, last, 0, 1, size - 1);
    writeSync(history, `${last.toString() === '\n' ? '' : '\n'}${line}\n`);
    closeSync(history);
  }

  #list(folder: string): string[] {
    const path = join(this.folder, folder);
    return existsSync(path) ? readdirSync(path).filter((file) => file.endsWith('.json')) : [];
  }

  #write(folder: string, file: string, content: object): string {
    const path = join(this.folder, folder, file);
    mkdirSync(join(this.folder, folder), { recursive: true });
    writeFileSync(path, `${JSON.stringify(content, null, 1)}\n`);
    return path;
  }
}

function fileName(at: string, revision: string): string {
  return `${at.replace(/[:.]/g, '')}-${revision.replace(/[^A-Za-z0-9.]+/g, '-')}.json`;
}

function baselineName(name: string): string {
  if (/^[\w.-]+$/.test(name)) return name;
  throw new NetsoakError('user', 'bad-baseline', `${name} cannot name a baseline`, 'use letters, digits, dots, dashes');
}
