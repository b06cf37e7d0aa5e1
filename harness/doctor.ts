/** `netsoak doctor`: what this machine has and lacks, each line with its cure. Looks, changes nothing. */
import { onStdout } from './colour.js';
import { type Check, diagnose } from './doctor-checks.js';
import { examine } from './doctor-findings.js';
import { EXIT } from './exit.js';

/** Prints the checks; 0 when everything that a run in a microVM needs is there, else 3. */
export async function runDoctor(flags: { readonly json?: boolean }): Promise<number> {
  const checks = diagnose(await examine());
  const lacking = checks.filter((check) => check.state === 'lacking' && check.neededFor === 'vm');
  if (flags.json) process.stdout.write(`${JSON.stringify(checks, null, 2)}\n`);
  else {
    for (const check of checks) process.stdout.write(line(check));
    process.stdout.write(
      lacking.length === 0
        ? '\nA run in a microVM has all it needs.\n'
        : `\nA run in a microVM lacks: ${lacking.map(({ name }) => name).join(', ')}.\n`,
    );
  }
  return lacking.length === 0 ? EXIT.pass : EXIT.infra;
}

function line({ name, state, detail, cure, neededFor }: Check): string {
  const purpose = state === 'lacking' ? onStdout.dim(` (needed for ${neededFor})`) : '';
  return `${mark(state)} ${name}: ${detail}${purpose}\n${cure === undefined ? '' : `         ${cure}\n`}`;
}

function mark(state: Check['state']): string {
  switch (state) {
    case 'ok':
      return onStdout.green('ok     ');
    case 'note':
      return onStdout.yellow('note   ');
    case 'lacking':
      return onStdout.red('lacking');
  }
}
