/**
 * Scenarios that are known to be flaky, in a file of the repository: each with a reason and the day it was put there, so that it
 * stays visible. Their verdicts are shown and counted and fail no job. An entry that names nothing is an error, so the file can't rot.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { NetsoakError } from './errors.js';
import type { Quarantine } from './facts/plan.js';
import { PROJECT } from './project.js';

export const QUARANTINE_FILE: string = join(PROJECT, 'scenarios/quarantine.yaml');

const QuarantineSchema = z
  .array(
    z.strictObject({
      scenario: z.string().min(1),
      /** What it does, and who looks into it. */
      reason: z.string().trim().min(1),
      since: z.iso.date(),
    }),
  )
  .nullable();

/**
 * By scenario. Without `file` the repository's own, which need not exist.
 * @throws NetsoakError (user) naming the entry that is wrong, unknown or from the future.
 */
export function loadQuarantine(scenarios: readonly string[], today: Date, file?: string): ReadonlyMap<string, Quarantine> {
  const path = resolve(file ?? QUARANTINE_FILE);
  if (!existsSync(path)) {
    if (file === undefined) return new Map();
    throw new NetsoakError('user', 'no-quarantine', `quarantine file ${path} does not exist`, 'give --quarantine the path of one');
  }
  const wrong = (what: string, hint: string): NetsoakError => new NetsoakError('user', 'bad-quarantine', `${path}: ${what}`, hint);
  let raw: unknown;
  try {
    // Dates stay text: the core schema knows none (YAML 1.2, 10.3).
    raw = parse(readFileSync(path, 'utf8'), { schema: 'core' });
  } catch (error) {
    throw wrong(`not YAML: ${(error as Error).message.split('\n')[0]}`, 'mend its syntax');
  }
  const checked = QuarantineSchema.safeParse(raw);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw wrong(
      `${issue?.path.join('.') || '(top level)'}: ${issue?.message}`,
      'each entry has scenario, reason and since (a day, YYYY-MM-DD)',
    );
  }
  const entries = checked.data ?? [];
  for (const [i, { scenario, since }] of entries.entries()) {
    if (!scenarios.includes(scenario)) throw wrong(`there is no scenario ${scenario}`, 'take the entry out, or mend its name');
    if (entries.findIndex((other) => other.scenario === scenario) !== i) throw wrong(`${scenario} is there twice`, 'keep one of the two');
    if (since > today.toISOString().slice(0, 10)) throw wrong(`${scenario} is there since ${since}, which is to come`, 'mend the day');
  }
  return new Map(entries.map(({ scenario, reason, since }) => [scenario, { reason, since }]));
}
