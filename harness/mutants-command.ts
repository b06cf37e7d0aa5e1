/** `netsoak mutants`: every planted fault against the scenario that must turn red, and whether the invariant meant for it caught it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onStdout } from './colour.js';
import { EXIT } from './exit.js';
import type { Verdict } from './facts/verdict.js';
import { watchInterrupts } from './interrupts.js';
import { MUTANTS, type Mutant, mutantFile } from './mutants.js';
import { PIPELINE_DURATION, PIPELINE_MUTANTS, PIPELINE_SCENARIO } from './pipeline-mutants.js';
import { RECONCILER_DURATION, RECONCILER_MUTANTS } from './reconciler-mutants.js';
import { DEFAULT_SCENARIO, runCommand } from './run-command.js';

export interface MutantsFlags {
  readonly duration: string;
  readonly target: string;
  readonly seed?: string;
  readonly set: readonly string[];
}

/** A scenario as it is run for its mutants. */
interface Ground {
  readonly scenario: string;
  readonly flags: MutantsFlags;
  /** Settings with which the real subject is run for comparison. */
  readonly realSet: readonly string[];
  readonly mutants: readonly Mutant[];
}

/** What was asked for is meant for namespace-churn; the other scenarios bring their own length and target. */
function grounds(flags: MutantsFlags): readonly Ground[] {
  const scenarios = [...new Set(RECONCILER_MUTANTS.map(({ scenario }) => scenario))];
  return [
    { scenario: DEFAULT_SCENARIO, flags, realSet: flags.set, mutants: MUTANTS },
    ...scenarios.map((scenario) => {
      const mutants = RECONCILER_MUTANTS.filter((mutant) => mutant.scenario === scenario);
      const { target = 'host', set = [] } = mutants[0] ?? {};
      return { scenario, flags: { ...flags, target, duration: RECONCILER_DURATION, set }, realSet: [], mutants };
    }),
    ...PIPELINE_MUTANTS.map((mutant) => {
      const own = { ...flags, target: 'host', duration: PIPELINE_DURATION, set: mutant.set };
      return { scenario: PIPELINE_SCENARIO, flags: own, realSet: mutant.set, mutants: [mutant] };
    }),
  ];
}

/** Exits 0 only when the real subject is green in each scenario and every mutant is red by the right name; 2 when ^C left some of them out. */
export async function mutantsCommand(flags: MutantsFlags): Promise<number> {
  const interrupts = watchInterrupts();
  const runs = grounds(flags).flatMap(({ scenario, flags: own, realSet, mutants }) => [
    { scenario, flags: { ...own, set: realSet }, mutant: undefined },
    ...mutants.map((mutant) => ({ scenario, flags: own, mutant })),
  ]);
  let [caught, all, green, done] = [0, 0, true, 0];
  for (const { scenario, flags: own, mutant } of runs) {
    const verdict = await verdictOf(scenario, own, mutant);
    // What ^C ended early says nothing of what it was run for.
    if (interrupts.signal.aborted) break;
    done++;
    if (mutant === undefined) {
      const isGreen = verdict.verdict === 'pass';
      green &&= isGreen;
      process.stdout.write(row(`${scenario} as it is`, 'pass', verdict, isGreen));
      continue;
    }
    const isCaught = verdict.verdict === 'fail' && failed(verdict).some((name) => mutant.caughtBy.includes(name));
    all++;
    if (isCaught) caught++;
    process.stdout.write(row(mutant.name, mutant.caughtBy.join(' or '), verdict, isCaught));
  }
  interrupts.stop();
  const left = done < runs.length ? `; interrupted: ${runs.length - done} of ${runs.length} runs are left` : '';
  process.stdout.write(`${caught} of ${all} mutants caught by the invariant meant for them${left}\n`);
  if (!green || caught < all) return EXIT.fail;
  return left === '' ? EXIT.pass : EXIT.unknown;
}

async function verdictOf(scenario: string, flags: MutantsFlags, mutant: Mutant | undefined): Promise<Verdict> {
  const out = mkdtempSync(join(tmpdir(), 'netsoak-mutants-'));
  try {
    await runCommand([scenario], { ...flags, out, tellGithub: false, ...(mutant ? { subject: mutantFile(mutant.name) } : {}) });
    return JSON.parse(readFileSync(join(out, 'latest/verdict.json'), 'utf8')) as Verdict;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const failed = (verdict: Verdict): string[] => verdict.invariants.filter((i) => i.verdict === 'fail').map((i) => i.name);

function row(name: string, expected: string, verdict: Verdict, right: boolean): string {
  const mark = right ? onStdout.green('ok    ') : onStdout.red('MISSED');
  return `${mark} ${name.padEnd(30)} expected ${expected.padEnd(22)} got ${verdict.verdict} ${failed(verdict).join(', ')}\n`;
}
