/** `netsoak report` and `netsoak verdict`: the same derivation as at the end of a run, from the stored facts alone. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NetsoakError } from './errors.js';
import { EXIT, exitCodeOf } from './exit.js';
import { readOutcome, writeOutcome } from './outcome.js';
import { PROJECT } from './project.js';
import { paint } from './run-command.js';

/** A path, or the name of a run (`latest` among them) in reports/runs. */
function runDirectory(run: string): string {
  const candidates = [resolve(run), join(PROJECT, 'reports/runs', run)];
  const found = candidates.find((folder) => existsSync(join(folder, 'plan.json')));
  if (found) return found;
  throw new NetsoakError(
    'user',
    'no-run',
    `${run} is no run directory (it holds no plan.json)`,
    'give the path that `netsoak run` printed, or `latest`',
  );
}

export async function reportCommand(run: string): Promise<number> {
  const { report } = writeOutcome(runDirectory(run));
  process.stdout.write(`${report}\n`);
  return EXIT.pass;
}

export async function verdictCommand(run: string, flags: { readonly json?: boolean }): Promise<number> {
  const verdict = readOutcome(runDirectory(run));
  if (flags.json) process.stdout.write(`${JSON.stringify(verdict, null, 2)}\n`);
  else {
    process.stdout.write(`${paint(verdict.verdict)}  ${verdict.scenario}: ${verdict.reason}\n`);
    for (const i of verdict.invariants) process.stdout.write(`  ${i.verdict.padEnd(7)}  ${i.name}: ${i.observed} (bound ${i.bound})\n`);
    for (const r of verdict.reached)
      process.stdout.write(`  ${r.count >= r.required ? 'reached' : 'MISSED '}  ${r.name}: ${r.count} of ${r.required}\n`);
  }
  return exitCodeOf(verdict.verdict, false);
}
