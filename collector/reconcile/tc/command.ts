/**
 * `netsoakd sweep-tc`: the sweep by hand, with or without a daemon. A dry run unless told otherwise; what it prints as JSON is a plan that
 * `--apply --plan FILE` verifies again and carries out.
 */
import { readFile } from 'node:fs/promises';
import { type NamespacePlace, openRtnl } from '../../../native/rtnl/index.js';
import { UsageError } from '../../errors.js';
import type { Log } from '../../log.js';
import { Registry } from '../../prom.js';
import { monotonic } from '../../ticker.js';
import { Audit } from '../audit.js';
import { Locked, lockPath, withLock } from '../lock.js';
import { createReconcileMetrics } from '../metrics.js';
import { Writer } from '../writer.js';
import { parseAllocations } from './allocations.js';
import { inBoth, planSchema, printPlan, type SweepPlan } from './plan.js';
import { type Finding, Sweep } from './sweep.js';

export const SWEEP_EXIT = { clean: 0, drift: 2, failed: 3, refused: 4 } as const;

export interface SweepCommand {
  readonly place: NamespacePlace;
  readonly bridge: string;
  readonly tapPrefix: string;
  /** '' for none. */
  readonly allocationsFile: string;
  readonly apply: boolean;
  /** File of a plan to carry out, '' to make one. */
  readonly plan: string;
  readonly json: boolean;
  readonly allowEmpty: boolean;
  /** '' for no lock at all. */
  readonly lockDir: string;
  readonly minAgeMs: number;
  /** Writes a second, 0 for no limit. */
  readonly rate: number;
}

/** @returns an exit code of {@link SWEEP_EXIT} @throws UsageError for a plan that cannot be read or is of another bridge */
export async function sweepTc(command: SweepCommand, log: Log, print: (line: string) => void): Promise<number> {
  const rtnl = await openRtnl(command.place);
  const clock = monotonic;
  const writer = new Writer({ rtnl, clock, rate: command.rate, burst: 1 });
  try {
    const sweep = new Sweep({
      rtnl,
      writer,
      bridge: command.bridge,
      tapPrefix: command.tapPrefix,
      allocations: async () => (command.allocationsFile === '' ? [] : parseAllocations(await readFile(command.allocationsFile, 'utf8'))),
      radius: { maxDeletes: 0, maxFraction: 0 },
      minAgeMs: command.minAgeMs,
      confirmPasses: 2,
      allowEmpty: command.allowEmpty,
      mode: () => (command.apply ? 'repair' : 'observe'),
      epoch: () => 0,
      clock,
      log,
      audit: new Audit(),
      metrics: createReconcileMetrics(new Registry()),
      logRepeatMs: 600_000,
    });
    const work = () => run(sweep, command, rtnl.cookie, print);
    return await (command.lockDir === '' ? work() : withLock(lockPath(command.lockDir, rtnl.cookie, 'tc'), 5_000, work));
  } catch (error) {
    if (!(error instanceof Locked)) throw error;
    log('error', error.message, {});
    return SWEEP_EXIT.refused;
  } finally {
    await writer.close();
    await rtnl.close();
  }
}

async function run(sweep: Sweep, command: SweepCommand, cookie: bigint, print: (line: string) => void): Promise<number> {
  const given = command.plan === '' ? undefined : await readPlan(command.plan, command.bridge, cookie);
  const first = await sweep.find();
  if (command.json) print(JSON.stringify({ ...printPlan(first.plan), ...(first.refusal === undefined ? {} : { refusal: first.refusal }) }));
  else print(summary(first));
  if (first.refusal !== undefined) return refuse(first, print, command.json);
  const stale = size(first.plan);
  if (!command.apply) return stale === 0 ? SWEEP_EXIT.clean : SWEEP_EXIT.drift;
  if (stale === 0) return SWEEP_EXIT.clean;
  await new Promise((resolve) => setTimeout(resolve, command.minAgeMs));
  const second = await sweep.find();
  if (second.refusal !== undefined) return refuse(second, print, command.json);
  // A plan from a file is one more look that must agree: it was made before this run.
  const agreed = inBoth(first.plan, second.plan);
  const outcomes = await sweep.carryOut(given === undefined ? agreed : inBoth(given, agreed), 0);
  const after = await sweep.find();
  const failed = (outcomes.error ?? 0) + (outcomes.undone ?? 0) + (outcomes.busy ?? 0);
  if (!command.json) print(`after: ${summary(after)} failed=${failed}`);
  return failed > 0 ? SWEEP_EXIT.failed : SWEEP_EXIT.clean;
}

const size = (plan: SweepPlan) => plan.filters.length + plan.classes.length;

function summary({ summary: { bridge, liveTaps, filters, classes, staleFilters, staleClasses } }: Finding): string {
  return `bridge=${bridge} live_taps=${liveTaps} filters=${filters} classes=${classes} stale_filters=${staleFilters} stale_classes=${staleClasses}`;
}

function refuse({ refusal }: Finding, print: (line: string) => void, json: boolean): number {
  if (!json) print(`refused: ${refusal?.reason}: ${refusal?.detail}`);
  return SWEEP_EXIT.refused;
}

async function readPlan(file: string, bridge: string, cookie: bigint): Promise<SweepPlan> {
  const fail = (why: string) => new UsageError('sweep-plan', `${file} is no plan to apply here: ${why}`, 'make one with sweep-tc --json');
  const text = await readFile(file, 'utf8').catch(() => {
    throw fail('it cannot be read');
  });
  let parsed: ReturnType<typeof planSchema.safeParse>;
  try {
    parsed = planSchema.safeParse(JSON.parse(text));
  } catch {
    throw fail('it is not JSON');
  }
  if (!parsed.success) throw fail(parsed.error.issues[0]?.message ?? 'wrong');
  if (parsed.data.bridge !== bridge) throw fail(`it is of bridge ${parsed.data.bridge}`);
  if (parsed.data.netns !== cookie.toString()) throw fail('it was made in another namespace');
  return parsed.data;
}
