/**
 * results.tap: TAP version 14 (testanything.org), one test point for each run with its invariants and requirements as a subtest.
 * Readers of older versions skip the indented lines and see the runs. A quarantined run is a TODO: not ok, and no failure.
 */
import { stringify } from 'yaml';
import type { Verdict } from '../facts/verdict.js';
import type { ReportedRun } from '../merge.js';
import { isExcused, placeOf } from '../verdict/circumstances.js';

interface Point {
  readonly ok: boolean;
  readonly name: string;
  readonly directive?: string;
  readonly diagnostics?: Readonly<Record<string, string | number>>;
}

export function renderTap(runs: readonly ReportedRun[]): string {
  return `${['TAP version 14', `1..${runs.length}`, ...runs.flatMap(({ verdict }, i) => runPoint(verdict, i + 1))].join('\n')}\n`;
}

function runPoint(verdict: Verdict, number: number): string[] {
  const points = subtest(verdict);
  const { quarantine } = verdict;
  return [
    `# Subtest: ${escapeTap(verdict.scenario)}`,
    `    1..${points.length}`,
    ...points.flatMap((point, i) => lines(point, i + 1).map((line) => `    ${line}`)),
    ...lines(
      {
        ok: verdict.verdict === 'pass',
        name: `${verdict.scenario} (${placeOf(verdict)}, seed ${verdict.seed})`,
        ...(quarantine && isExcused(verdict) && { directive: `TODO in quarantine since ${quarantine.since}: ${quarantine.reason}` }),
        diagnostics: { verdict: verdict.verdict, message: verdict.reason, durationSeconds: verdict.durationSeconds },
      },
      number,
    ),
  ];
}

function subtest({ invariants, reached }: Verdict): Point[] {
  return [
    ...invariants.map(({ name, verdict, bound, observed }): Point => {
      if (verdict === 'skipped') return { ok: true, name: `invariant: ${name}`, directive: `SKIP ${observed}` };
      const ok = verdict === 'pass';
      return { ok, name: `invariant: ${name}`, ...(!ok && { diagnostics: { verdict, bound, observed } }) };
    }),
    ...reached.map(({ name, count, required }): Point => {
      const ok = count >= required;
      return { ok, name: `reached: ${name}`, ...(!ok && { diagnostics: { count, required } }) };
    }),
  ];
}

function lines({ ok, name, directive, diagnostics }: Point, number: number): string[] {
  const [word = '', ...rest] = directive?.split(' ') ?? [];
  const point = `${ok ? 'ok' : 'not ok'} ${number} - ${escapeTap(name)}${directive ? ` # ${word} ${escapeTap(rest.join(' '))}` : ''}`;
  if (!diagnostics) return [point];
  // Without folding a line of the subject stays one line, quoted where YAML needs it.
  const block = stringify(diagnostics, { lineWidth: 0 }).trimEnd().split('\n');
  return [point, '  ---', ...block.map((line) => `  ${line}`), '  ...'];
}

/** A description is one line; `#` begins a directive unless escaped, and so a backslash must be too. */
function escapeTap(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\#]/g, '\\$&');
}
