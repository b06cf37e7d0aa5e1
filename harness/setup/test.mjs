// @ts-check
/**
 * `npm test` after set-up: formatting and lint, then the tests in tiers by file name. Ends with `N passed, N failed`.
 *   *.test.ts          pure, quick
 *   *.kernel.test.ts   real namespaces, needs root
 *   *.browser.test.ts  a real browser
 *   *.vm.test.ts       microVMs and soaks; one file at a time, since two cores carry one emulated machine
 *   *.long.test.ts     only with --all
 * With CI=true a tier that can't run is a failure; elsewhere it is skipped, loudly.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onPath, PROJECT } from './steps.mjs';

const all = process.argv.includes('--all');
const isRoot = process.getuid?.() === 0;

/** @type {readonly { name: string, can: boolean, why: string }[]} */
const TIERS = [
  { name: 'pure', can: true, why: '' },
  { name: 'kernel', can: isRoot, why: 'it makes namespaces, which needs root' },
  { name: 'browser', can: onPath('chromium'), why: 'chromium is missing: npm run setup report' },
  { name: 'vm', can: onPath('qemu-system-x86_64') && isRoot, why: 'it needs QEMU and root: npm run setup base' },
  ...(all ? [{ name: 'long', can: isRoot, why: 'it needs root' }] : []),
];

const totals = { passed: 0, failed: 0, skipped: 0 };

/** @param {string} title @param {readonly string[]} command */
function check(title, command) {
  process.stdout.write(`\n== ${title}\n`);
  const { status } = spawnSync(process.execPath, command, { cwd: PROJECT, stdio: 'inherit' });
  if (status === 0) totals.passed++;
  else totals.failed++;
}

/** @param {string} tier */
function runTier(tier) {
  process.stdout.write(`\n== tests: ${tier}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-test-'));
  const file = join(folder, 'result.json');
  const args = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--project',
    tier,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    '--passWithNoTests',
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: PROJECT, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    totals.passed += result.numPassedTests;
    totals.skipped += result.numPendingTests + result.numTodoTests;
    // A file that failed to load has no failed test of its own.
    totals.failed += result.numFailedTests === 0 && status !== 0 ? 1 : result.numFailedTests;
  } catch {
    totals.failed++;
  }
  rmSync(folder, { recursive: true, force: true });
}

check('format and lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
for (const { name, can, why } of TIERS) {
  if (can) runTier(name);
  else if (process.env.CI === 'true') {
    process.stdout.write(`\n== tests: ${name}: CAN'T RUN: ${why}\n`);
    totals.failed++;
  } else {
    process.stdout.write(`\n== tests: ${name}: SKIPPED: ${why}\n`);
    totals.skipped++;
  }
}
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
