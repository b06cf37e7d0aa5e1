/** `netsoak run`: from words on a command line to a run directory, a verdict and an exit code. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import chalk from 'chalk';
import { conduct } from './conductor/run.js';
import { explain, NetsoakError } from './errors.js';
import { EXIT, exitCodeOf } from './exit.js';
import type { Accelerator, TargetKind } from './facts/plan.js';
import { type Outcome, type Verdict, WORST_FIRST } from './facts/verdict.js';
import { Live } from './live.js';
import { writeOutcome } from './outcome.js';
import { makePlan } from './plan.js';
import { PROJECT } from './project.js';
import { gatherProvenance } from './provenance.js';
import { type FoundScenario, loadScenarios, pickScenario } from './scenarios.js';
import { RunStore } from './store.js';
import { DEFAULT_SUBJECT, loadSubject } from './subject.js';
import { parseDuration } from './units.js';

export interface RunFlags {
  readonly duration: string;
  readonly target: string;
  readonly seed?: string;
  readonly set: readonly string[];
  readonly subject?: string;
  readonly out?: string;
  readonly junit?: string;
  readonly json?: boolean;
  readonly allowFlaky?: boolean;
}

export const DEFAULT_SCENARIO = 'namespace-churn';

export async function runCommand(names: readonly string[], flags: RunFlags): Promise<number> {
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
  const seed = parseSeed(flags.seed);
  const subjectFile = resolve(flags.subject ?? DEFAULT_SUBJECT);
  const subject = loadSubject(subjectFile);
  const found = await loadScenarios();
  const picked = (names.length > 0 ? names : [DEFAULT_SCENARIO]).map((name) => pickScenario(found, name));
  const accelerator = await acceleratorFor(flags.target);
  const interrupts = watchInterrupts();
  const verdicts: Verdict[] = [];
  for (const { scenario, file } of picked) {
    if (interrupts.signal.aborted) break;
    const plan = makePlan({
      scenario,
      target: flags.target,
      durationSeconds,
      seed,
      set: flags.set,
      accelerator,
      subject: { name: subject.name, file: subjectFile, command: subject.command },
      provenance: gatherProvenance(),
      startedAt: new Date(),
    });
    verdicts.push(await runOne({ scenario, file }, plan, subject, flags, accelerator.slowdown, interrupts.signal));
  }
  interrupts.stop();
  const worst = WORST_FIRST.find((outcome) => verdicts.some((v) => v.verdict === outcome));
  return worst === undefined ? EXIT.unknown : exitCodeOf(worst, flags.allowFlaky ?? false);
}

async function runOne(
  found: FoundScenario,
  plan: ReturnType<typeof makePlan>,
  subject: ReturnType<typeof loadSubject>,
  flags: RunFlags,
  expectedSlowdown: number,
  interrupt: AbortSignal,
): Promise<Verdict> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const store = openStore(resolve(flags.out ?? join(PROJECT, 'reports/runs')), plan);
  say(chalk.bold(`${plan.scenario}`) + chalk.dim(`  target ${plan.target}, seed ${plan.seed}, ${plan.id}`));
  for (const line of plan.scaled) say(chalk.dim(`  scaled: ${line}`));
  const live = new Live(plan, say);
  await conduct({
    plan,
    store,
    scenarioFile: found.file,
    subject,
    expectedSlowdown,
    interrupt,
    onEvent: (event) => live.event(event),
    onSeries: (point) => live.series(point),
  });
  store.close();
  const { verdict, junit, report } = writeOutcome(store.directory);
  if (flags.junit) writeFileSync(resolve(flags.junit), junit);
  if (flags.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
  say('');
  say(`${paint(verdict.verdict)}  ${verdict.scenario}: ${verdict.reason}`);
  say(`report  ${report}`);
  return verdict;
}

function openStore(parent: string, plan: ReturnType<typeof makePlan>): RunStore {
  try {
    makeFolders(parent);
    return RunStore.create(parent, plan);
  } catch (error) {
    throw explain(error);
  }
}

/** One by one: `recursive` never returns for a folder that procfs refuses (Node 20, `mkdirSync('/proc/x', { recursive: true })`). */
function makeFolders(folder: string): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another run made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function acceleratorFor(target: TargetKind): Promise<{ accelerator: Accelerator; reason: string; slowdown: number }> {
  if (target === 'host') return { accelerator: 'none', reason: 'namespaces on this machine, its own kernel', slowdown: 1 };
  const { probeAccelerator } = await import('../vm/accelerator.js');
  const { orExplain } = await import('./target/vm-errors.js');
  return orExplain(probeAccelerator());
}

function parseSeed(text: string | undefined): number {
  if (text === undefined) return Math.floor(Math.random() * 1_000_000);
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new NetsoakError('user', 'bad-seed', `--seed ${text}: not a whole number from 0 up`, 'leave it out to have one drawn');
  return seed;
}

/** First ^C (or SIGTERM): heal. Second: out at once; the guardian and parent-death signals clean up. */
function watchInterrupts(): { signal: AbortSignal; stop(): void } {
  const abort = new AbortController();
  const handle = (signal: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(EXIT.killed);
    abort.abort(signal);
  };
  process.on('SIGINT', handle).on('SIGTERM', handle).on('SIGHUP', handle);
  return { signal: abort.signal, stop: () => process.off('SIGINT', handle).off('SIGTERM', handle).off('SIGHUP', handle) };
}

export function paint(outcome: Outcome): string {
  const text = ` ${outcome.toUpperCase()} `;
  switch (outcome) {
    case 'pass':
      return chalk.bgGreen.black(text);
    case 'fail':
      return chalk.bgRed.white(text);
    case 'infra':
      return chalk.bgMagenta.white(text);
    case 'unknown':
    case 'partial':
    case 'flaky':
      return chalk.bgYellow.black(text);
  }
}
