/**
 * Reads a run directory for verdict and report. A run may have been killed in the middle of a write, so a torn line is left out,
 * counted and said; it never stops the reading.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NetsoakError } from '../errors.js';
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import type { Verdict } from '../facts/verdict.js';
import { underCircumstances } from './circumstances.js';
import { deriveVerdict } from './judge.js';

export interface StoredRun {
  readonly plan: Plan;
  readonly events: readonly Stored<RunEvent>[];
  readonly series: readonly SeriesPoint[];
  /** What was wrong with the files, in sentences. */
  readonly warnings: readonly string[];
}

/** @throws NetsoakError (user) when `directory` holds no readable plan; every other file may be missing or torn. */
export function loadRun(directory: string): StoredRun {
  const warnings: string[] = [];
  return {
    plan: readPlan(directory),
    events: readLines(directory, 'events.ndjson', isEvent, warnings),
    // A poll is judged an interval after it ended and stamped with when it was true, so it may stand after later points.
    series: readLines(directory, 'series.ndjson', isPoint, warnings).sort((a, b) => a.at - b.at),
    warnings,
  };
}

/** The verdict, with what was wrong with the files among its warnings. */
export function judgeRun({ plan, events, series, warnings }: StoredRun): Verdict {
  const verdict = deriveVerdict(plan, events, series);
  return underCircumstances(plan, { ...verdict, warnings: [...verdict.warnings, ...warnings] });
}

function readPlan(directory: string): Plan {
  const file = join(directory, 'plan.json');
  let plan: unknown;
  try {
    plan = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const torn = error instanceof SyntaxError;
    throw new NetsoakError(
      'user',
      torn ? 'torn-plan' : 'no-run',
      torn ? `${file} is not whole: ${error.message}` : `${directory} is no run directory: it has no readable plan.json`,
      'give the directory of a run, such as reports/runs/latest',
    );
  }
  if (!isRecord(plan) || plan.schema !== 1 || !Array.isArray(plan.invariants) || !Array.isArray(plan.required)) {
    throw new NetsoakError('user', 'bad-plan', `${file} is no plan of schema 1`, 'judge it with the version of netsoak that made it');
  }
  return plan as unknown as Plan;
}

function readLines<T>(directory: string, name: string, accepts: (value: unknown) => value is T, warnings: string[]): T[] {
  let text: string;
  try {
    text = readFileSync(join(directory, name), 'utf8');
  } catch {
    warnings.push(`${name} could not be read`);
    return [];
  }
  const facts: T[] = [];
  let broken = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const fact = parse(line);
    if (accepts(fact)) facts.push(fact);
    else broken++;
  }
  if (broken > 0) warnings.push(`${name}: ${broken} torn line${broken === 1 ? '' : 's'} left out`);
  return facts;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isEvent(value: unknown): value is Stored<RunEvent> {
  return isRecord(value) && Number.isFinite(value.at) && typeof value.kind === 'string';
}

function isPoint(value: unknown): value is SeriesPoint {
  return isRecord(value) && Number.isFinite(value.at) && isRecord(value.v);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
