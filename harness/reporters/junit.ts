/**
 * junit.xml: a suite for each run, in it one test case for the run as a whole, one for each invariant, one for each requirement. Only a violation is a
 * `failure`; what could not be judged is an `error`, so that a CI page tells the two apart.
 */
import type { InvariantVerdict, Outcome, ReachedVerdict, Verdict } from '../facts/verdict.js';
import type { ReportedRun } from '../merge.js';
import { isExcused, placeOf } from '../verdict/circumstances.js';

interface Case {
  readonly name: string;
  readonly message: string;
  readonly body: string;
  readonly tag: 'failure' | 'error' | 'skipped' | null;
}

export function renderJunit(runs: readonly ReportedRun[]): string {
  const suites = runs.map(({ verdict, startedAt }) => {
    const cases = [wholeRun(verdict), ...verdict.invariants.map(invariantCase), ...verdict.reached.map(reachedCase)];
    return { verdict, startedAt, cases: isExcused(verdict) ? cases.map((one) => excused(verdict, one)) : cases };
  });
  const all = totals(
    suites.flatMap(({ cases }) => cases),
    suites.reduce((sum, { verdict }) => sum + verdict.durationSeconds, 0),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="netsoak" ${all}>`,
    ...suites.flatMap(({ verdict, startedAt, cases }) => [
      `  <testsuite name="${escapeXml(`${verdict.scenario} (${placeOf(verdict)}, seed ${verdict.seed})`)}" timestamp="${escapeXml(startedAt)}" ${totals(cases, verdict.durationSeconds)}>`,
      ...cases.map(
        ({ name, body }) =>
          `    <testcase classname="${escapeXml(verdict.scenario)}" name="${escapeXml(name)}" time="${name === 'run' ? verdict.durationSeconds.toFixed(3) : '0'}"${body}`,
      ),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function totals(cases: readonly Case[], seconds: number): string {
  const count = (tag: Case['tag']): number => cases.filter((c) => c.tag === tag).length;
  return `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds.toFixed(3)}"`;
}

/** JUnit's only way to show a red case that must not fail the job. */
function excused({ quarantine }: Verdict, one: Case): Case {
  if (one.tag !== 'failure' && one.tag !== 'error') return one;
  return makeCase(one.name, 'skipped', `in quarantine since ${quarantine?.since}: ${quarantine?.reason}; ${one.message}`, '');
}

function wholeRun({ verdict, reason, warnings }: Verdict): Case {
  return makeCase('run', tagOf(verdict), `${verdict}: ${reason}`, warnings.join('\n'));
}

function tagOf(outcome: Outcome): Case['tag'] {
  switch (outcome) {
    case 'pass':
      return null;
    case 'fail':
    case 'flaky':
      return 'failure';
    case 'infra':
    case 'unknown':
    case 'partial':
      return 'error';
  }
}

function invariantCase({ name, verdict, observed, bound, why }: InvariantVerdict): Case {
  const tag = { pass: null, fail: 'failure', unknown: 'error', skipped: 'skipped' } as const;
  return makeCase(`invariant: ${name}`, tag[verdict], observed, `${why}\nbound: ${bound}\nobserved: ${observed}`);
}

function reachedCase({ name, count, required, why }: ReachedVerdict): Case {
  return makeCase(`reached: ${name}`, count >= required ? null : 'error', `reached ${count} of ${required}`, why);
}

function makeCase(name: string, tag: Case['tag'], message: string, text: string): Case {
  if (tag === null) return { name, tag, message, body: '/>' };
  const inner =
    tag === 'skipped'
      ? `<skipped message="${escapeXml(message)}"/>`
      : `<${tag} message="${escapeXml(message)}">${escapeXml(text)}</${tag}>`;
  return { name, tag, message, body: `>${inner}</testcase>` };
}

/** XML 1.0 has no way to write most control characters, not even escaped, nor lone surrogates: they become U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
