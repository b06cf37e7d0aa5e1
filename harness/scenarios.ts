/** Finds the scenarios: every compiled module directly in `scenarios/` that has a scenario as its default export. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NetsoakError } from './errors.js';
import { PROJECT } from './project.js';
import type { Scenario } from './scenario.js';
import { nearest } from './units.js';

export interface FoundScenario {
  readonly scenario: Scenario;
  /** Compiled module, absolute. */
  readonly file: string;
}

const FOLDER = join(PROJECT, 'dist/scenarios');

export async function loadScenarios(): Promise<FoundScenario[]> {
  if (!existsSync(FOLDER)) throw new NetsoakError('infra', 'not-built', 'the project is not built', 'run `npm run setup base`');
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.js') && !name.includes('.test.'));
  return Promise.all(
    files.sort().map(async (name) => {
      const file = join(FOLDER, name);
      return { file, scenario: ((await import(pathToFileURL(file).href)) as { default: Scenario }).default };
    }),
  );
}

/** @throws NetsoakError (user) naming what there is. */
export function pickScenario(found: readonly FoundScenario[], name: string): FoundScenario {
  const names = found.map((f) => f.scenario.name);
  const picked = found.find((f) => f.scenario.name === name);
  if (picked) return picked;
  const meant = nearest(name, names);
  throw new NetsoakError(
    'user',
    'unknown-scenario',
    `there is no scenario ${name}`,
    meant ? `did you mean ${meant}? (\`netsoak list\` shows all)` : `there are: ${names.join(', ')}`,
  );
}
