/** Lines that both views share. */
import type { ChalkInstance } from 'chalk';
import type { Outcome, Verdict } from '../facts/verdict.js';
import type { TimedLine } from './progress.js';

export function timed({ at, text, tone }: TimedLine, colour: ChalkInstance): string {
  const paints = { plain: (words: string) => words, strong: colour.bold, bad: colour.red, warn: colour.yellow };
  return `${colour.dim(`${at.toFixed(1).padStart(7)} s`)}  ${paints[tone](text)}`;
}

/** Verdict and report; what failed or could not be judged stands before them. */
export function closing(verdict: Verdict, paths: { readonly report: string; readonly kept?: string }, colour: ChalkInstance): string[] {
  const broken = verdict.invariants.filter((i) => i.verdict === 'fail' || i.verdict === 'unknown');
  return [
    '',
    ...broken.map(
      (i) => `  ${i.verdict === 'fail' ? colour.red('fail   ') : colour.yellow('unknown')}  ${i.name}: ${i.observed} (bound ${i.bound})`,
    ),
    headline(verdict, colour),
    ...(verdict.quarantine ? [`in quarantine since ${verdict.quarantine.since}, fails no job: ${verdict.quarantine.reason}`] : []),
    ...(paths.kept === undefined ? [] : [`kept    ${paths.kept}`]),
    `report  ${paths.report}`,
  ];
}

export function headline({ verdict, scenario, kernel, reason }: Verdict, colour: ChalkInstance): string {
  return `${paint(verdict, colour)}  ${scenario}${kernel === undefined ? '' : ` on ${kernel}`}: ${reason}`;
}

export function paint(outcome: Outcome, colour: ChalkInstance): string {
  const text = ` ${outcome.toUpperCase()} `;
  switch (outcome) {
    case 'pass':
      return colour.bgGreen.black(text);
    case 'fail':
      return colour.bgRed.white(text);
    case 'infra':
      return colour.bgMagenta.white(text);
    case 'unknown':
    case 'partial':
    case 'flaky':
      return colour.bgYellow.black(text);
  }
}
