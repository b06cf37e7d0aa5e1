/** Where a run comes from: enough to know later what was measured on what. No user, no home, no address. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { PROJECT, projectVersion } from './project.js';

/** @param project the checkout that is run or measured */
export function gatherProvenance(project: string = PROJECT): Record<string, string> {
  return {
    netsoak: projectVersion(),
    revision: git(project, ['describe', '--always', '--dirty', '--abbrev=12']) ?? 'not a git checkout',
    node: process.version,
    hostKernel: release(),
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  };
}

function git(project: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync('git', ['-C', project, '-c', 'safe.directory=*', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
