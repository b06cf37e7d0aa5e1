/** `netsoak bench`: from words on a command line to samples, a judgement, a report and an exit code. */
import { join, resolve } from 'node:path';
import { ask } from './bench/ask.js';
import { type Row, rowId } from './bench/benchmark.js';
import { discover } from './bench/discover.js';
import { hostDifferences, thisHost } from './bench/host.js';
import { type JudgedRow, type Judgement, judge, noiseRows, suspects, YARDSTICK } from './bench/judge.js';
import { type Measured, measure, type Side } from './bench/measure.js';
import type { BenchComparison, BenchResult, RowSamples } from './bench/result.js';
import { buildRevision } from './bench/revision.js';
import { BenchStore } from './bench/store.js';
import { comparisonTable, type Paint, resultTable } from './bench/text.js';
import { treeStamp } from './bench/tree-stamp.js';
import { machineWarnings } from './bench/weather.js';
import { onStderr, onStdout } from './colour.js';
import { writeComparison } from './compare-command.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { PROJECT } from './project.js';
import { gatherProvenance } from './provenance.js';
import { RUNS } from './runs.js';
import { MIN_SAMPLES } from './stats/median-interval.js';

export interface BenchFlags {
  readonly save?: string;
  readonly baseline?: string;
  readonly lenient?: boolean;
  readonly against?: string;
  readonly aa?: boolean;
  readonly plant?: string;
  readonly filter?: string;
  readonly samples: string;
  readonly json?: boolean;
  readonly out?: string;
}

/** Where the measured tree and the store of measurements are; tests have their own. */
export interface BenchPlace {
  readonly root: string;
  readonly folder: string;
}

const HERE: BenchPlace = { root: PROJECT, folder: join(RUNS, 'bench') };

export const DEFAULT_SAMPLES = '10';

/** How much longer a call takes in which a regression is planted. */
const PLANTED_SHARE = 0.1;

export async function benchCommand(flags: BenchFlags, place: BenchPlace = HERE): Promise<number> {
  const samples = parseFlags(flags);
  const interrupts = new AbortController();
  const interrupt = (): void => (interrupts.signal.aborted ? process.exit(EXIT.killed) : interrupts.abort(new Error('interrupted')));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await new Session(flags, place, samples, interrupts.signal).run();
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    say('interrupted: nothing is stored, nothing is left running');
    return EXIT.unknown;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function parseFlags(flags: BenchFlags): number {
  const modes = ['baseline', 'against', 'aa'] as const;
  const chosen = modes.filter((mode) => flags[mode] !== undefined && flags[mode] !== false);
  if (chosen.length > 1) {
    throw new NetsoakError('user', 'two-questions', `--${chosen.join(' and --')} ask different questions`, 'ask one at a time');
  }
  if (flags.lenient && !flags.baseline) {
    throw new NetsoakError('user', 'bad-lenient', '--lenient is about --baseline', 'give --baseline NAME with it');
  }
  if (flags.plant !== undefined && !flags.aa) {
    throw new NetsoakError('user', 'bad-plant', '--plant is about --aa: the other side must be the same code', 'give --aa with it');
  }
  const samples = Number(flags.samples);
  if (!Number.isInteger(samples) || samples < MIN_SAMPLES || samples > 1000) {
    throw new NetsoakError(
      'user',
      'bad-samples',
      `--samples ${flags.samples}: not a whole number from ${MIN_SAMPLES} up`,
      `fewer than ${MIN_SAMPLES} processes give no 95 % interval of their median; 10 are a good start`,
    );
  }
  return samples;
}

class Session {
  readonly #store: BenchStore;
  readonly #host = thisHost();
  readonly #warnings: string[] = [];
  #unmeasured = false;

  constructor(
    private readonly flags: BenchFlags,
    private readonly place: BenchPlace,
    private readonly samples: number,
    private readonly signal: AbortSignal,
  ) {
    this.#store = new BenchStore(place.folder);
  }

  async run(): Promise<number> {
    const { baseline, against, aa } = this.flags;
    const stored = baseline === undefined ? undefined : this.#store.loadBaseline(baseline);
    const foreign = stored ? this.#checkHost(stored) : false;
    const rows = await this.#rows(stored !== undefined || this.flags.save !== undefined);
    this.#warnings.push(...machineWarnings());
    if (stored) return this.#compareWithBaseline(rows, stored, foreign);
    if (against !== undefined) return this.#compareWithRevision(rows, against);
    if (this.flags.plant !== undefined) return this.#findPlanted(rows, this.flags.plant);
    if (aa) return this.#measureNoise(rows);
    const { sides } = await this.#measure(rows, [{ root: this.place.root }]);
    const result = this.#result(sides[0] ?? []);
    this.#keep(result);
    this.#print(resultTable(result, paint()), result);
    return this.#exit();
  }

  /** Strict: another host or another set of rows is refused. */
  #checkHost(stored: BenchResult): boolean {
    const differences = hostDifferences(stored.host, this.#host);
    if (differences.length === 0) return false;
    if (!this.flags.lenient) {
      throw new NetsoakError(
        'user',
        'other-host',
        `${stored.label} was measured on another host: ${differences.join(', ')}`,
        'measure one here with --save, or look at the figures all the same with --lenient',
      );
    }
    return true;
  }

  async #rows(withYardstick: boolean): Promise<Row[]> {
    const { rows, skipped } = await discover(this.place.root, (order) => ask(order, 0, this.signal));
    const filter = (this.flags.filter ?? '').toLowerCase();
    const asked = rows.filter((row) => rowId(row).toLowerCase().includes(filter));
    for (const line of skipped) if (line.toLowerCase().includes(filter)) this.#warnings.push(`not measured: ${line}`);
    if (asked.length === 0) {
      const suites = [...new Set(rows.map(({ suite }) => suite))];
      throw new NetsoakError(
        'user',
        'no-benchmark',
        filter ? `no benchmark has \`${this.flags.filter}\` in its name` : 'there is no benchmark here',
        suites.length > 0 ? `there are: ${suites.join(', ')}` : 'benchmarks are compiled: `npm run build`',
      );
    }
    return withYardstick ? rows.filter((row) => asked.includes(row) || row.suite === YARDSTICK) : asked;
  }

  async #compareWithBaseline(rows: readonly Row[], old: BenchResult, foreign: boolean): Promise<number> {
    const measured = await this.#measure(rows, [{ root: this.place.root }]);
    const now = this.#result(measured.sides[0] ?? []);
    const missing = difference(old.rows, now.rows, this.flags.filter ?? '');
    if (missing.length > 0 && !this.flags.lenient) {
      throw new NetsoakError(
        'user',
        'other-rows',
        `${old.label} and this tree have different benchmarks:\n  ${missing.join('\n  ')}`,
        'save a new baseline, or compare what both have with --lenient',
      );
    }
    this.#keep(now);
    const comparison = this.#comparison(old, now, false, missing);
    if (foreign) {
      this.#report(comparison, judge(comparison));
      return EXIT.unknown;
    }
    return this.#conclude(comparison, async (again) => {
      const { sides } = await this.#measure(again, [{ root: this.place.root }]);
      const ids = again.map(rowId);
      return { old: old.rows.filter((row) => ids.includes(rowId(row))), new: sides[0] ?? [] };
    });
  }

  async #compareWithRevision(rows: readonly Row[], ref: string): Promise<number> {
    const revision = await buildRevision(this.place.root, ref, join(this.place.folder, 'trees'), say, this.signal);
    try {
      for (const file of revision.differing) {
        const suite = file.replace(/\.bench\.ts$/, '');
        if (suite !== file && !rows.some((row) => row.suite === suite)) continue;
        this.#warnings.push(`${file} itself differs between the two: each side runs its own`);
      }
      const sides = [{ root: revision.root }, { root: this.place.root }];
      return await this.#compareSides(rows, sides, [`${ref} (${revision.revision})`, revision.revision]);
    } finally {
      await revision.release();
    }
  }

  async #measureNoise(rows: readonly Row[]): Promise<number> {
    const side = { root: this.place.root };
    return this.#compareSides(rows, [side, side], ['the same tree', gatherProvenance(this.place.root).revision ?? '']);
  }

  /** Whether a regression would be found: identical code, but one row is made slower on one side. Nothing of it is kept but its report. */
  async #findPlanted(rows: readonly Row[], name: string): Promise<number> {
    const found = rows.map(rowId).filter((id) => id.toLowerCase().includes(name.toLowerCase()));
    const [row] = found;
    if (row === undefined || found.length > 1) {
      throw new NetsoakError(
        'user',
        'no-row-to-plant-in',
        `${found.length} rows have \`${name}\` in their name, and a slowdown is planted in one`,
        `name one whole: ${(found.length > 1 ? found : rows.map(rowId)).slice(0, 5).join(', ')}`,
      );
    }
    const side = { root: this.place.root };
    const slower = { ...side, planted: { row, share: PLANTED_SHARE } };
    return this.#compareSides(rows, [side, slower], ['the same tree', gatherProvenance(this.place.root).revision ?? '']);
  }

  async #compareSides(rows: readonly Row[], sides: readonly Side[], old: readonly [label: string, revision: string]): Promise<number> {
    const { sides: taken, failed } = await this.#measure(rows, sides);
    const before = { ...this.#result(taken[0] ?? []), label: old[0], revision: old[1] };
    const planted = sides[1]?.planted;
    const now = {
      ...this.#result(taken[1] ?? []),
      ...(planted && { label: `the same, ${planted.row} slowed by ${planted.share * 100} %` }),
    };
    const comparison = this.#comparison(before, now, true, failed);
    if (!this.flags.aa) {
      this.#store.keepResult(before);
      this.#keep(now);
    } else if (!planted) this.#store.saveNoise({ at: now.at, host: this.#host, rows: noiseRows(before.rows, now.rows) });
    return this.#conclude(comparison, async (again) => {
      const second = await this.#measure(again, sides);
      return { old: second.sides[0] ?? [], new: second.sides[1] ?? [] };
    });
  }

  /** Measures again what looks different, then says what stands. */
  async #conclude(
    first: BenchComparison,
    measureAgain: (rows: readonly Row[]) => Promise<NonNullable<BenchComparison['again']>>,
  ): Promise<number> {
    const doubtful = suspects(judge(first)).map(({ id }) => id);
    let comparison = first;
    if (doubtful.length > 0) {
      say(`measuring again what looks different: ${[...new Set(doubtful)].join(', ')}`);
      const yardstick = first.interleaved ? '' : YARDSTICK;
      const rows = first.new.rows.filter((row) => doubtful.includes(rowId(row)) || row.suite === yardstick);
      comparison = { ...first, again: await measureAgain(rows.map(({ suite, name, per }) => ({ suite, name, per }))) };
    }
    const judgement = judge(comparison);
    this.#report(comparison, judgement);
    const different = judgement.rows.filter(({ verdict }) => verdict === 'regression' || verdict === 'improvement');
    if (this.flags.aa && this.flags.plant === undefined) return this.#concludeNoise(different);
    const regressions = different.filter(({ verdict }) => verdict === 'regression');
    if (regressions.length === 0) {
      if (this.flags.plant === undefined) return this.#exit();
      say(onStderr.yellow('the planted slowdown was not found: the samples scatter too much, or the noise of that row is larger'));
      return EXIT.unknown;
    }
    say(onStderr.red(`${regressions.length} ${regressions.length === 1 ? 'regression' : 'regressions'}: ${names(regressions)}`));
    return EXIT.fail;
  }

  #concludeNoise(different: readonly JudgedRow[]): number {
    if (different.length === 0) {
      say('identical code: no row is called different. The noise of this machine is stored');
      return this.#exit();
    }
    say(onStderr.yellow(`identical code was called different, twice: ${names(different)}`));
    say('this machine is too restless to be believed at the moment; its noise is stored, so these rows now have a higher floor');
    return EXIT.unknown;
  }

  async #measure(rows: readonly Row[], sides: readonly Side[]): Promise<Measured> {
    const stamps = sides.map(({ root }) => treeStamp(root));
    const progress = new Progress();
    const measured = await measure(
      rows,
      sides,
      this.samples,
      (order, padding, turn) => ask(order, padding, this.signal, turn),
      (done, of, row) => progress.tell(done, of, row),
    );
    progress.clear();
    if (sides.some(({ root }, i) => treeStamp(root) !== stamps[i])) {
      throw new NetsoakError(
        'infra',
        'built-meanwhile',
        'something was built in the measured tree while it was measured: the samples are of two versions',
        'measure again and leave the tree alone meanwhile',
      );
    }
    if (measured.failed.length > 0) this.#unmeasured = true;
    this.#warnings.push(...measured.warnings, ...measured.failed.map((line) => `FAILED: ${line}`));
    return measured;
  }

  #result(rows: readonly RowSamples[]): BenchResult {
    const at = new Date().toISOString();
    const revision = gatherProvenance(this.place.root).revision ?? 'unknown';
    return { kind: 'bench-result', schema: 1, at, label: 'working tree', revision, host: this.#host, rows, warnings: this.#warnings };
  }

  #comparison(old: BenchResult, now: BenchResult, interleaved: boolean, missing: readonly string[]): BenchComparison {
    const noise = this.#store.noise(this.#host);
    return { kind: 'bench-comparison', schema: 1, at: now.at, old, new: now, interleaved, noise, missing };
  }

  #keep(result: BenchResult): void {
    this.#store.addResult(result);
    if (this.flags.save !== undefined) say(`baseline  ${this.#store.saveBaseline(this.flags.save, result)}`);
  }

  #report(comparison: BenchComparison, judgement: Judgement): void {
    const table = comparisonTable(judgement, [comparison.old.label, comparison.new.label], paint());
    this.#print(table, { ...comparison, judgement }, judgement.warnings);
    const stored = this.#store.addComparison(comparison);
    const report = this.flags.out === undefined ? stored.replace(/\.json$/, '.html') : resolve(this.flags.out);
    say(`report  ${writeComparison(comparison, this.#store.history(this.#host), report)}`);
  }

  #print(table: string, json: object, warnings: readonly string[] = []): void {
    if (this.flags.json) process.stdout.write(`${JSON.stringify(json)}\n`);
    else process.stdout.write(`${table}\n`);
    for (const warning of new Set([...this.#warnings, ...warnings])) say(onStderr.yellow(`! ${warning}`));
  }

  #exit(): number {
    return this.#unmeasured ? EXIT.unknown : EXIT.pass;
  }
}

/** Rows that only one of the two has, among those asked for. */
function difference(old: readonly RowSamples[], now: readonly RowSamples[], filter: string): string[] {
  const [before, after] = [old.map(rowId), now.map(rowId)];
  const asked = (id: string): boolean => id.toLowerCase().includes(filter.toLowerCase());
  return [
    ...before.filter((id) => asked(id) && !after.includes(id)).map((id) => `${id} is only in the baseline`),
    ...after.filter((id) => asked(id) && !before.includes(id)).map((id) => `${id} is new`),
  ];
}

const names = (rows: readonly JudgedRow[]): string => rows.map(({ id, metric }) => `${id} (${metric})`).join(', ');

function paint(): Paint {
  return { bad: onStdout.red, good: onStdout.green, faint: onStdout.dim };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** One line that is written over on a terminal; elsewhere a line every half minute. */
class Progress {
  readonly #began = performance.now();
  #saidAt = performance.now();

  tell(done: number, of: number, row: Row): void {
    const left = done < 5 ? '' : `, ${Math.ceil(((performance.now() - this.#began) / done / 1000) * (of - done))} s left`;
    const text = `process ${done + 1} of ${of}${left}: ${rowId(row)}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, 110)}`);
    else if (performance.now() - this.#saidAt > 30_000) {
      this.#saidAt = performance.now();
      say(text);
    }
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
