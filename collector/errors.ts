/** Exit codes of `netsoakd` and the errors that lead to them. Every error is a sentence with a cure. */

export const EXIT = {
  /** Stopped in order, or the command did what it was asked. */
  ok: 0,
  /** `netsoakd verify` found a difference. */
  differs: 1,
  /** EX_USAGE (sysexits.h): flags or configuration. */
  usage: 64,
  /** EX_SOFTWARE: our own fault, or rows that could not be handed on. */
  fault: 70,
  /** EX_NOPERM: a right is missing. */
  right: 77,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

abstract class CollectorError extends Error {
  abstract readonly exitCode: ExitCode;
  abstract readonly owner: 'product' | 'infra' | 'user';

  /**
   * @param code short and stable, for machines (`config`, `export-open`)
   * @param message one sentence: what went wrong
   * @param hint what to do about it; '' when the message already says so
   */
  constructor(
    readonly code: string,
    message: string,
    readonly hint = '',
  ) {
    super(message);
    this.name = new.target.name;
  }

  /** What is wrong, and what to do about it, in one line. */
  get sentence(): string {
    return this.hint === '' ? this.message : `${this.message}: ${this.hint}`;
  }
}

/** Flags, configuration file, or something they name. */
export class UsageError extends CollectorError {
  readonly exitCode = EXIT.usage;
  readonly owner = 'user';
}

/** A capability or file permission is missing. */
export class MissingRight extends CollectorError {
  readonly exitCode = EXIT.right;
  readonly owner = 'user';
}

/** The collector cannot go on, and neither the operator's input nor their rights are to blame. */
export class Fault extends CollectorError {
  readonly exitCode = EXIT.fault;
  readonly owner: 'product' | 'infra';

  constructor(code: string, message: string, hint = '', owner: 'product' | 'infra' = 'product') {
    super(code, message, hint);
    this.owner = owner;
  }
}

export { CollectorError };

/** `ENOENT` of a failed system call; '' for anything else. */
export function errnoOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** What an errno means, without Node's `ENOENT: ..., open '/x'` wrapping. */
export function reasonOf(error: unknown): string {
  const known: Record<string, string> = {
    EACCES: 'permission denied',
    EADDRINUSE: 'the address is in use',
    EADDRNOTAVAIL: 'no interface has this address',
    ECONNREFUSED: 'nobody listens there',
    ECONNRESET: 'the far end cut the connection',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file has reached its largest size',
    EISDIR: 'it is a directory',
    ELOOP: 'too many symbolic links',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ENOENT: 'no such file or directory',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of the path is not a directory',
    EPERM: 'not permitted',
    EPIPE: 'the reader has gone',
    EROFS: 'the file system is read-only',
    ETIMEDOUT: 'no answer in time',
    ENOTFOUND: 'no such host',
  };
  const code = errnoOf(error);
  return known[code] ?? (code !== '' ? code : error instanceof Error ? error.message : String(error));
}
