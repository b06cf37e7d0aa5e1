#!/usr/bin/env node
/**
 * `npm test` after set-up: formatting, lint and types, then the tests in tiers by file name. Ends with `N passed, N failed`.
 *   *.test.ts          pure, quick
 *   *.kernel.test.ts   real namespaces, needs root
 *   *.browser.test.ts  a real browser
 *   *.vm.test.ts       microVMs and soaks; one file at a time, since two cores carry one emulated machine
 *   *.long.test.ts     only with --all
 * Where CI=true a tier that can't run is a failure; elsewhere it is skipped, loudly.
 * Words after `npm test --` choose test files by a part of their path.
 */
import './node-version.mjs';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInView } from './child.mjs';
import { runMain } from './problem.mjs';
import { PROJECT, typescript } from './steps.mjs';
import { findProgram } from './system.mjs';
import { add, closingLine, countsOf, exitCodeOf, none } from './test-counts.mjs';
import { walk } from './walk.mjs';

const all = process.argv.includes('--all');
const filters = process.argv.slice(2).filter((word) => word !== '--all');
const strict = process.env.CI === 'true';
const isRoot = process.getuid?.() === 0;

/** @type {{ name: string, can: boolean, why: string }[]} */
const TIERS = [
  { name: 'pure', can: true, why: '' },
  { name: 'kernel', can: isRoot, why: 'it makes namespaces, which needs root' },
  { name: 'browser', can: findProgram('chromium') !== undefined, why: 'chromium is missing: npm run setup report' },
  { name: 'vm', can: isRoot && findProgram('qemu-system-x86_64') !== undefined, why: 'it needs QEMU (npm run setup base) and root' },
  ...(all ? [{ name: 'long', can: isRoot, why: 'it needs root' }] : []),
];

await runMain(async () => {
  await walk('types', [typescript]);
  let total = none;
  if (filters.length === 0) total = add(total, await lint());
  for (const { name, can, why } of TIERS) {
    heading(`tests: ${name}`);
    if (can) total = add(total, await runTier(name));
    else {
      console.log(`${strict ? 'CAN NOT RUN' : 'SKIPPED'}: ${why}`);
      total = add(total, { ...none, [strict ? 'failed' : 'skipped']: 1 });
    }
  }
  console.log(`\n${closingLine(total)}`);
  return exitCodeOf(total);
});

async function lint() {
  heading('format and lint');
  const status = await runInView([process.execPath, 'node_modules/@biomejs/biome/bin/biome', 'check', '.'], PROJECT);
  return { ...none, [status === 0 ? 'passed' : 'failed']: 1 };
}

async function runTier(tier) {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-test-'));
  try {
    const file = join(folder, 'result.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const vitest = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', tier, ...reporters, '--passWithNoTests'];
    const status = await runInView([...vitest, ...filters], PROJECT);
    return countsOf(status, readResult(file), strict);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Vitest's JSON report, or undefined when it died before it wrote one. */
function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function heading(text) {
  console.log(`\n== ${text}`);
}
