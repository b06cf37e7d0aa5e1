/** Exit codes of `netsoak`. `--help` and README quote this table. */
import { type Outcome, type Verdict, WORST_FIRST } from './facts/verdict.js';
import { isExcused } from './verdict/circumstances.js';

export const EXIT = {
  pass: 0,
  fail: 1,
  unknown: 2,
  infra: 3,
  usage: 64,
  killed: 130,
} as const;

export const EXIT_TABLE: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.pass, 'pass'],
  [
    EXIT.fail,
    'a scenario failed: an invariant, a leak, a restart, lost or wrong rows, a significant regression; flaky too, unless --allow-flaky',
  ],
  [EXIT.unknown, 'unknown or partial: interrupted, too few samples to judge, a required fault never took effect, nothing ran'],
  [EXIT.infra, 'infrastructure: no boot, agent lost, disk full, the load was killed'],
  [EXIT.usage, 'usage: an argument, a setting or a file that makes no sense'],
  [EXIT.killed, 'second ^C'],
];

/** Of several runs the worst that counts decides. Nothing ran is unknown; nothing but quarantined runs fails nobody. */
export function exitCodeOfAll(verdicts: readonly Verdict[], allowFlaky: boolean): number {
  if (verdicts.length === 0) return EXIT.unknown;
  const counting = verdicts.filter((verdict) => !isExcused(verdict));
  return exitCodeOf(WORST_FIRST.find((outcome) => counting.some(({ verdict }) => verdict === outcome)) ?? 'pass', allowFlaky);
}

export function exitCodeOf(outcome: Outcome, allowFlaky: boolean): number {
  switch (outcome) {
    case 'pass':
      return EXIT.pass;
    case 'flaky':
      return allowFlaky ? EXIT.pass : EXIT.fail;
    case 'fail':
      return EXIT.fail;
    case 'partial':
    case 'unknown':
      return EXIT.unknown;
    case 'infra':
      return EXIT.infra;
  }
}
