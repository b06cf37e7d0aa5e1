/**
 * junit.xml: one test case for the run as a whole, one for each invariant, one for each requirement. Only a violation is a
 * `failure`; what could not be judged is an `error`, so that a CI page tells the two apart.
 */
import type { InvariantVerdict, Outcome, ReachedVerdict, Verdict } from '../facts/verdict.js';

interface Case {
  readonly name: string;
  readonly body: string;
  readonly tag: 'failure' | 'error' | 'skipped' | null;
}

export function renderJunit(verdict: Verdict, startedAt: string): string {
  const cases = [wholeRun(verdict), ...verdict.invariants.map(invariantCase), ...verdict.reached.map(reachedCase)];
  const count = (tag: Case['tag']): number => cases.filter((c) => c.tag === tag).length;
  const seconds = verdict.durationSeconds.toFixed(3);
  const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds}"`;
  const suite = escapeXml(`${verdict.scenario} (${verdict.target}, seed ${verdict.seed})`);
  const lines = cases.map(
    ({ name, body }) =>
      `    <testcase classname="${escapeXml(verdict.scenario)}" name="${escapeXml(name)}" time="${name === 'run' ? seconds : '0'}"${body}`,
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="netsoak" ${totals}>`,
    `  <testsuite name="${suite}" timestamp="${escapeXml(startedAt)}" ${totals}>`,
    ...lines,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
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
  if (tag === null) return { name, tag, body: '/>' };
  const inner =
    tag === 'skipped'
      ? `<skipped message="${escapeXml(message)}"/>`
      : `<${tag} message="${escapeXml(message)}">${escapeXml(text)}</${tag}>`;
  return { name, tag, body: `>${inner}</testcase>` };
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
