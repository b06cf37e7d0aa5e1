/** `netsoak run`: from words on a command line to run directories, verdicts and an exit code. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { ChosenKernel } from '../vm/chosen-kernel.js';
import { onStderr } from './colour.js';
import { startGuardian } from './conductor/guardian.js';
import { detach } from './detach/detach.js';
import { openLease } from './detach/lease.js';
import { FOLDER_VARIABLE, introduce, partWith, socketIn } from './detach/place.js';
import { answerSigusr1, nowDoing } from './doing.js';
import { NetsoakError } from './errors.js';
import { EXIT, exitCodeOfAll } from './exit.js';
import type { Accelerator, Plan, PlannedKernel, Quarantine, SettingValue, TargetKind } from './facts/plan.js';
import { type Interrupts, watchInterrupts } from './interrupts.js';
import { type Merged, merge } from './merge.js';
import type { WrittenOutcome } from './outcome.js';
import type { Given } from './pipeline/given.js';
import { givenToKeep } from './pipeline/given-again.js';
import { makePlan } from './plan.js';
import { PROJECT } from './project.js';
import { gatherProvenance } from './provenance.js';
import { loadQuarantine } from './quarantine.js';
import { stepSummary } from './rederive-command.js';
import { renderAnnotations } from './reporters/github.js';
import { renderJunit } from './reporters/junit.js';
import { renderMergedSummary } from './reporters/summary.js';
import { renderTap } from './reporters/tap.js';
import { mayTryAgain } from './retry.js';
import { RUNS } from './runs.js';
import { type FoundScenario, loadScenarios, pickScenario } from './scenarios.js';
import { namesOfShard, parseShard, type Shard } from './shard.js';
import { writeSideBySide } from './side-by-side.js';
import { soak } from './soak.js';
import { DEFAULT_SUBJECT, digestOf, loadSubject, SUBJECT_DESCRIPTION, type SubjectDescription, withOptions } from './subject.js';
import { parseDuration } from './units.js';

/** What is made of the runs besides their directories. */
export interface OutputFlags {
  readonly out?: string;
  readonly junit?: string;
  readonly tap?: string;
  readonly summary?: string;
  readonly json?: boolean;
  readonly allowFlaky?: boolean;
  readonly keep?: boolean;
  /** Whether GitHub is told in one of its jobs, which is the default; that a planted fault was found is no news. */
  readonly tellGithub?: boolean;
}

export interface RunFlags extends OutputFlags {
  readonly duration: string;
  readonly target: string;
  readonly seed?: string;
  readonly set: readonly string[];
  readonly subject?: string;
  readonly shard?: string;
  readonly quarantine?: string;
  readonly profile?: boolean;
  readonly detach?: boolean;
  readonly against?: string;
  readonly kafka?: string;
  readonly clickhouse?: string;
  readonly kernel?: readonly string[];
}

export const DEFAULT_SCENARIO = 'namespace-churn';

/** What is to be run, understood and known to make sense. */
export interface Request {
  readonly scenarios: readonly FoundScenario[];
  readonly target: TargetKind;
  readonly durationSeconds: number;
  readonly seed: number;
  readonly set: readonly string[];
  /** Values of an earlier run, which stand before defaults and scaling. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  readonly subjectFile: string;
  readonly subject: SubjectDescription;
  readonly accelerator: { readonly accelerator: Accelerator; readonly reason: string; readonly slowdown: number };
  readonly quarantine: ReadonlyMap<string, Quarantine>;
  readonly shard?: Plan['shard'];
  readonly profile?: boolean;
  /** Broker and database that somebody else runs. */
  readonly given: Given;
  /** Each scenario runs on each of these; without any, on the one of the set-up. */
  readonly kernels?: readonly ChosenKernel[];
}

export async function runCommand(names: readonly string[], flags: RunFlags): Promise<number> {
  answerSigusr1();
  const durationSeconds = parseDuration(flags.duration);
  if (durationSeconds === undefined) {
    throw new NetsoakError(
      'user',
      'bad-duration',
      `--duration ${flags.duration}: not a duration`,
      'write a number with its unit: 60s, 5m, 12h, 1h30m',
    );
  }
  if (flags.target !== 'vm' && flags.target !== 'host') {
    throw new NetsoakError('user', 'bad-target', `--target ${flags.target}: there is no such target`, 'choose vm or host');
  }
  const { target } = flags;
  const seed = parseSeed(flags.seed);
  const subjectFile = resolve(flags.subject ?? DEFAULT_SUBJECT);
  const subject = loadSubject(subjectFile);
  const found = await loadScenarios();
  const wanted = flags.shard === undefined ? undefined : parseShard(flags.shard);
  const { scenarios, shard } = choose(found, names, target, wanted);
  const known = found.map(({ scenario }) => scenario.name);
  const request: Omit<Request, 'accelerator'> = {
    scenarios,
    target,
    durationSeconds,
    seed,
    set: flags.set,
    subjectFile,
    subject,
    quarantine: loadQuarantine(known, new Date(), flags.quarantine),
    given: { ...(flags.kafka && { kafka: flags.kafka }), ...(flags.clickhouse && { clickhouse: flags.clickhouse }) },
    ...(shard && { shard }),
    ...(flags.profile && { profile: true }),
  };
  const kernels = flags.kernel ?? [];
  if (kernels.length > 0 && target === 'host')
    throw new NetsoakError('user', 'no-kernel', '--kernel: target host has the kernel of this machine', 'leave it out, or use --target vm');
  if (kernels.length > 1 && flags.against !== undefined)
    throw new NetsoakError('user', 'against-kernels', '--against takes one kernel at most', 'run each kernel in a call of its own');
  if (flags.detach) return detachRun(request, flags);
  nowDoing(() => ['netsoak: trying what this machine can run a guest with']);
  const ready: Request = {
    ...request,
    accelerator: await acceleratorFor(target),
    ...(kernels.length > 0 && { kernels: await kernelsFor(kernels) }),
  };
  if (flags.against === undefined) return perform(ready, flags);
  const { performAgainst } = await import('./against/perform.js');
  return performAgainst(ready, flags.against, flags);
}

/** The same again without --detach, with the seed that was drawn and all files where they are meant from here. */
async function detachRun({ scenarios, seed }: Pick<Request, 'scenarios' | 'seed'>, flags: RunFlags): Promise<number> {
  const [found, ...more] = scenarios;
  if (!found || more.length > 0)
    throw new NetsoakError('user', 'detach-one', '--detach takes one scenario', 'detach each in a call of its own');
  const files = ['subject', 'out', 'junit', 'tap', 'summary', 'quarantine'] as const;
  const valued = (['duration', 'target', 'against', 'kafka', 'clickhouse', ...files] as const).flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
  const bare = [...(flags.keep ? ['--keep'] : []), ...(flags.profile ? ['--profile'] : []), ...(flags.allowFlaky ? ['--allow-flaky'] : [])];
  const settings = flags.set.flatMap((setting) => ['--set', setting]);
  const kernels = (flags.kernel ?? []).flatMap((kernel) => ['--kernel', kernel]);
  return detach(['run', found.scenario.name, ...valued, ...settings, ...kernels, '--seed', String(seed), ...bare], flags.json ?? false);
}

/** Runs one after the other; the worst verdict that counts decides. Everything is planned once before anything starts. */
export async function perform(request: Request, flags: OutputFlags): Promise<number> {
  const units = request.scenarios.flatMap((found) => (request.kernels ?? [undefined]).map((kernel) => ({ found, kernel })));
  const plans = units.map(({ found, kernel }) => planOf(request, found, { ...(kernel && { kernel: plannedKernel(kernel) }) }));
  await checkServices(request, plans);
  const interrupts = watchInterrupts();
  const detached = await followLease(interrupts);
  const done: WrittenOutcome[] = [];
  for (const unit of units) {
    if (interrupts.signal.aborted) break;
    done.push(...(await performOne(request, unit, flags, interrupts, detached?.introduce)));
  }
  interrupts.stop();
  const merged = merge(done);
  writeReports(merged, flags);
  if (request.kernels && request.kernels.length > 1) tellSideBySide(done, resolve(flags.out ?? RUNS));
  if (units.length > 1) process.stderr.write(`\n${onStderr.bold(merged.reason)}\n`);
  const code = exitCodeOfAll(
    merged.runs.map(({ verdict }) => verdict),
    flags.allowFlaky ?? false,
  );
  await detached?.end(code);
  return code;
}

/** @throws NetsoakError where a broker or a database that a plan needs can't be had. */
export async function checkServices({ given, target }: Request, plans: readonly Plan[]): Promise<void> {
  const services = new Set(plans.flatMap((plan) => plan.services ?? []));
  if (services.size > 0) await (await import('./pipeline/given.js')).checkServices(given, [...services], target);
}

/** What was asked for besides the run directories. */
export function writeReports(merged: Merged, flags: OutputFlags): void {
  if (flags.junit) writeFileSync(resolve(flags.junit), renderJunit(merged.runs));
  if (flags.tap) writeFileSync(resolve(flags.tap), renderTap(merged.runs));
  if (flags.summary) writeFileSync(resolve(flags.summary), renderMergedSummary(merged));
  if (flags.tellGithub ?? true) tellGithub(merged, flags);
}

function tellGithub(merged: Merged, flags: OutputFlags): void {
  stepSummary(renderMergedSummary(merged));
  if (process.env.GITHUB_ACTIONS !== 'true') return;
  const annotations = renderAnnotations(merged.runs, sourceOf, flags.allowFlaky ?? false);
  // The runner reads both streams; standard output belongs to the JSON.
  (flags.json ? process.stderr : process.stdout).write(annotations);
}

export interface Detached {
  readonly introduce: (runDirectory: string) => void;
  end(exitCode: number): Promise<void>;
}

/** In a harness that was detached: does what its owner wants, and ends when it has had none for too long. */
export async function followLease(interrupts: Interrupts): Promise<Detached | undefined> {
  const folder = process.env[FOLDER_VARIABLE];
  if (folder === undefined) return undefined;
  // Should we be killed, nothing of ours stays.
  const guardian = startGuardian(`detached-${process.pid}`, folder, false);
  const lease = await openLease(socketIn(folder), {
    interrupt: () => interrupts.interrupt('SIGINT'),
    kill: () => process.exit(EXIT.killed),
    expired: () => interrupts.interrupt('the lack of an owner for ten minutes'),
  });
  const directories: string[] = [];
  return {
    introduce: (directory) => {
      directories.push(directory);
      introduce(folder, directory);
    },
    end: async (code) => {
      await lease.end(code);
      for (const directory of directories) partWith(directory);
      await guardian.release();
    },
  };
}

/** With --allow-flaky what the moment broke is tried once more. Without it that could only turn a 3 into a 1 and blame the product. */
async function performOne(
  request: Request,
  { found, kernel }: { readonly found: FoundScenario; readonly kernel: ChosenKernel | undefined },
  flags: OutputFlags,
  interrupts: Interrupts,
  onDirectory: ((directory: string) => void) | undefined,
): Promise<WrittenOutcome[]> {
  const once = async (plan: Plan): ReturnType<typeof soak> => {
    const outcome = await soak({
      plan,
      scenarioFile: found.file,
      subject: subjectOf(request, found),
      kernel,
      expectedSlowdown: request.accelerator.slowdown,
      parent: resolve(flags.out ?? RUNS),
      keep: flags.keep ?? false,
      interrupt: interrupts.signal,
      given: request.given,
      ...(onDirectory && { onDirectory }),
    });
    if (flags.json) process.stdout.write(`${JSON.stringify(outcome.run.verdict)}\n`);
    return outcome;
  };
  const planned = kernel ? { kernel: plannedKernel(kernel) } : {};
  const first = await once(planOf(request, found, planned));
  const { verdict, reason } = first.run.verdict;
  if (verdict !== 'infra' || !flags.allowFlaky || interrupts.signal.aborted || !mayTryAgain(first.events)) return [first];
  process.stderr.write('the infrastructure failed; trying once more\n');
  return [first, await once(planOf(request, found, { ...planned, retryOf: { id: first.plan.id, reason } }))];
}

/** @throws NetsoakError (user) where the subject lacks what the scenario needs. */
export function subjectOf(request: Request, { scenario }: FoundScenario): SubjectDescription {
  return withOptions(request.subject, scenario.needs ?? [], scenario.name);
}

export function planOf(request: Request, found: FoundScenario, more: Pick<Plan, 'retryOf' | 'against' | 'kernel'> = {}): Plan {
  const { scenario } = found;
  const { subjectFile, quarantine, shard, settings } = request;
  const subject = subjectOf(request, found);
  const excuse = quarantine.get(scenario.name);
  const given = givenToKeep(request.given, scenario.services ?? []);
  return makePlan({
    scenario,
    target: request.target,
    durationSeconds: request.durationSeconds,
    seed: request.seed,
    set: request.set,
    accelerator: request.accelerator,
    subject: { name: subject.name, file: subjectFile, command: subject.command, processes: subject.processes },
    provenance: { ...gatherProvenance(), [SUBJECT_DESCRIPTION]: digestOf(subject) },
    startedAt: new Date(),
    ...(settings && { settings }),
    circumstances: {
      ...(request.profile && { profile: true as const }),
      ...(shard && { shard }),
      ...(excuse && { quarantine: excuse }),
      ...(Object.keys(given).length > 0 && { given }),
      ...more,
    },
  });
}

/** Without names a shard is a part of all scenarios that the target has. */
function choose(
  found: readonly FoundScenario[],
  names: readonly string[],
  target: TargetKind,
  shard: Shard | undefined,
): { scenarios: FoundScenario[]; shard?: NonNullable<Plan['shard']> } {
  for (const name of names) pickScenario(found, name);
  if (!shard) return { scenarios: (names.length > 0 ? names : [DEFAULT_SCENARIO]).map((name) => pickScenario(found, name)) };
  const onTarget = found.filter(({ scenario }) => scenario.targets.includes(target)).map(({ scenario }) => scenario.name);
  const all = names.length > 0 ? names : onTarget;
  return {
    scenarios: namesOfShard(all, shard).map((name) => pickScenario(found, name)),
    shard: { ...shard, scenarios: [...new Set(all)].sort() },
  };
}

/** A scenario's source, as a path in the checkout that the job works in. */
function sourceOf(scenario: string): string | undefined {
  const file = join(PROJECT, 'scenarios', `${scenario}.ts`);
  return existsSync(file) ? relative(process.env.GITHUB_WORKSPACE ?? PROJECT, file) : undefined;
}

export async function acceleratorFor(target: TargetKind): Promise<Request['accelerator']> {
  if (target === 'host') return { accelerator: 'none', reason: 'namespaces on this machine, its own kernel', slowdown: 1 };
  const { probeAccelerator } = await import('../vm/accelerator.js');
  const { orExplain } = await import('./target/vm-errors.js');
  return orExplain(probeAccelerator());
}

export function plannedKernel({ word, release, origin }: ChosenKernel): PlannedKernel {
  return { word, release, origin };
}

/** Kernels that were named, fetched and unpacked unless they are in the cache. */
export async function kernelsFor(words: readonly string[]): Promise<ChosenKernel[]> {
  const { chooseKernel } = await import('../vm/chosen-kernel.js');
  const { orExplain } = await import('./target/vm-errors.js');
  const chosen: ChosenKernel[] = [];
  for (const word of new Set(words)) {
    nowDoing(() => [`netsoak: preparing the kernel ${word}`]);
    chosen.push(await orExplain(chooseKernel(word, (line) => process.stderr.write(`kernel ${word}: ${line}\n`))));
  }
  return chosen;
}

/** One page with a column for each kernel. */
function tellSideBySide(done: readonly WrittenOutcome[], folder: string): void {
  if (done.length < 2) return;
  const { path, markdown } = writeSideBySide(
    done.map(({ report }) => dirname(report)),
    join(folder, 'kernels.html'),
  );
  process.stderr.write(`\n${markdown}\nkernels ${path}\n`);
}

function parseSeed(text: string | undefined): number {
  if (text === undefined) return Math.floor(Math.random() * 1_000_000);
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new NetsoakError('user', 'bad-seed', `--seed ${text}: not a whole number from 0 up`, 'leave it out to have one drawn');
  return seed;
}
