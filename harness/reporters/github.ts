/**
 * Annotations of GitHub Actions: lines on the output of a job's step that GitHub shows beside the file that they name
 * (docs.github.com, "Workflow commands"). They name the scenario's file, where the broken promise stands.
 */
import type { Outcome, Verdict } from '../facts/verdict.js';
import type { ReportedRun } from '../merge.js';
import { isExcused, placeOf } from '../verdict/circumstances.js';

/** GitHub shows ten of each kind for a step and drops the others without a word. */
const SHOWN = 10;

interface Annotation {
  readonly kind: 'error' | 'warning';
  readonly title: string;
  readonly text: string;
  readonly file: string | undefined;
}

/**
 * @param fileOf path of a scenario's file, relative to the checkout; undefined when it has none there
 * @param allowFlaky whether a flaky run fails the job
 */
export function renderAnnotations(
  runs: readonly ReportedRun[],
  fileOf: (scenario: string) => string | undefined,
  allowFlaky: boolean,
): string {
  const all = runs.flatMap(({ verdict }) => annotate(verdict, allowFlaky).map((one) => ({ ...one, file: fileOf(verdict.scenario) })));
  return (['error', 'warning'] as const)
    .flatMap((kind) => {
      const ofKind = all.filter((one) => one.kind === kind);
      if (ofKind.length <= SHOWN) return ofKind;
      const left = ofKind.length - SHOWN + 1;
      const rest: Annotation = { kind, title: 'netsoak', text: `${left} more; the reports have them all`, file: undefined };
      return [...ofKind.slice(0, SHOWN - 1), rest];
    })
    .map((one) => `${command(one)}\n`)
    .join('');
}

function annotate(verdict: Verdict, allowFlaky: boolean): Omit<Annotation, 'file'>[] {
  if (verdict.verdict === 'pass') return [];
  const kind = isExcused(verdict) || (allowFlaky && verdict.verdict === 'flaky') ? 'warning' : 'error';
  const where = `seed ${verdict.seed}, target ${placeOf(verdict)}`;
  const quarantined = verdict.quarantine ? `\nin quarantine since ${verdict.quarantine.since}: ${verdict.quarantine.reason}` : '';
  const failed = verdict.verdict === 'fail' ? verdict.invariants.filter((i) => i.verdict === 'fail') : [];
  if (failed.length === 0)
    return [{ kind, title: `${verdict.scenario}: ${words(verdict.verdict)}`, text: `${verdict.reason} (${where})${quarantined}` }];
  return failed.map((i) => ({
    kind,
    title: `${verdict.scenario}: ${i.name}`,
    text: `${i.observed}, bound ${i.bound} (${where})\n${i.why}${quarantined}`,
  }));
}

function words(outcome: Outcome): string {
  switch (outcome) {
    case 'pass':
    case 'flaky':
    case 'partial':
    case 'unknown':
      return outcome;
    case 'fail':
      return 'failed';
    case 'infra':
      return 'the infrastructure failed';
  }
}

function command({ kind, title, text, file }: Annotation): string {
  const properties = [...(file === undefined ? [] : [`file=${escapeProperty(file)}`]), `title=${escapeProperty(title)}`];
  return `::${kind} ${properties.join(',')}::${escapeData(text)}`;
}

/** As @actions/core does it (actions/toolkit, packages/core/src/command.ts). */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
