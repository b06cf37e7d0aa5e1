/** `netsoak mutants`: every planted fault against namespace-churn, and whether the invariant meant for it caught it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onStdout } from './colour.js';
import { EXIT } from './exit.js';
import type { Verdict } from './facts/verdict.js';
import { MUTANTS, type Mutant, mutantFile } from './mutants.js';
import { DEFAULT_SCENARIO, runCommand } from './run-command.js';

export interface MutantsFlags {
  readonly duration: string;
  readonly target: string;
  readonly seed?: string;
  readonly set: readonly string[];
}

/** Exits 0 only when the real subject is green and every mutant is red by the right name. */
export async function mutantsCommand(flags: MutantsFlags): Promise<number> {
  const rows: string[] = [];
  let caught = 0;
  const real = await verdictOf(flags, undefined);
  rows.push(row('netsoakd as it is', 'pass', real, real.verdict === 'pass'));
  for (const mutant of MUTANTS) {
    const verdict = await verdictOf(flags, mutant);
    const isCaught = verdict.verdict === 'fail' && failed(verdict).some((name) => mutant.caughtBy.includes(name));
    if (isCaught) caught++;
    rows.push(row(mutant.name, mutant.caughtBy.join(' or '), verdict, isCaught));
  }
  process.stdout.write(`${rows.join('\n')}\n${caught} of ${MUTANTS.length} mutants caught by the invariant meant for them\n`);
  return real.verdict === 'pass' && caught === MUTANTS.length ? EXIT.pass : EXIT.fail;
}

async function verdictOf(flags: MutantsFlags, mutant: Mutant | undefined): Promise<Verdict> {
  const out = mkdtempSync(join(tmpdir(), 'netsoak-mutants-'));
  try {
    await runCommand([DEFAULT_SCENARIO], { ...flags, out, ...(mutant ? { subject: mutantFile(mutant.name) } : {}) });
    return JSON.parse(readFileSync(join(out, 'latest/verdict.json'), 'utf8')) as Verdict;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const failed = (verdict: Verdict): string[] => verdict.invariants.filter((i) => i.verdict === 'fail').map((i) => i.name);

function row(name: string, expected: string, verdict: Verdict, right: boolean): string {
  const mark = right ? onStdout.green('ok    ') : onStdout.red('MISSED');
  return `${mark} ${name.padEnd(20)} expected ${expected.padEnd(22)} got ${verdict.verdict} ${failed(verdict).join(', ')}`;
}
