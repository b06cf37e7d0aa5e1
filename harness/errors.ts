/** Errors as cases: what is wrong, whose it is, and how to mend it. Only the edge prints them, without a stack. */
import { EXIT } from './exit.js';
import type { Owner } from './facts/events.js';

export class NetsoakError extends Error {
  constructor(
    readonly owner: Owner,
    /** Short, stable, for machines: `unknown-scenario`. */
    readonly code: string,
    message: string,
    /** The cure, one sentence. */
    readonly hint: string,
    /** Seconds since it came about; a hang is noticed by its length. */
    readonly ageSeconds = 0,
  ) {
    super(message);
    this.name = 'NetsoakError';
  }

  get exitCode(): number {
    return EXIT_OF[this.owner];
  }
}

const EXIT_OF: Readonly<Record<Owner, number>> = { user: EXIT.usage, product: EXIT.fail, infra: EXIT.infra, harness: EXIT.infra };

/** System errors that mean the machine is short of something get a sentence; others stay what they are. */
export function explain(error: unknown): NetsoakError {
  if (error instanceof NetsoakError) return error;
  const e = error as NodeJS.ErrnoException;
  const where = e.path ? ` (${e.path})` : '';
  switch (e.code) {
    case 'ENOSPC':
      return new NetsoakError(
        'infra',
        'disk-full',
        `no space left for the run directory${where}`,
        'free some space or choose another place with --out DIR',
      );
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new NetsoakError(
        'infra',
        'no-permission',
        `not permitted: ${e.message}`,
        'run as a user who may, or choose another place with --out DIR',
      );
    case 'ENOENT':
    case 'ENOTDIR':
      return new NetsoakError('infra', 'no-place', `can't be made or found: ${e.message}`, 'choose another place with --out DIR');
    case 'EMFILE':
    case 'ENFILE':
      return new NetsoakError('infra', 'too-many-files', `out of file descriptors: ${e.message}`, 'raise the limit with `ulimit -n`');
    default:
      return new NetsoakError(
        'harness',
        'internal',
        e instanceof Error ? e.message : String(error),
        'this is a fault of netsoak; set NETSOAK_DEBUG=1 for the stack',
      );
  }
}
