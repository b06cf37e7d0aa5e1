/**
 * `npm run requirements [-- --all]`: runs every test that names a requirement (without `--all` not those that are too long for every day) and
 * maps each requirement to its tests and to what became of them. Exits 1 unless every one has a test that passed and none that did not; 3
 * without root, which most of them need.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { REQUIREMENTS } from './requirements.js';
import { judge, scan, type TestReport } from './requirements-judge.js';

/** Three folders up from this file in dist/. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

function run(files: readonly string[]): TestReport {
  const folder = mkdtempSync(path.join(tmpdir(), 'netsoak-requirements-'));
  const out = path.join(folder, 'result.json');
  try {
    const words = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${out}`];
    spawnSync(process.execPath, [...words, ...files], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    return JSON.parse(readFileSync(out, 'utf8')) as TestReport;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.getuid?.() !== 0) {
  process.stderr.write('Most tests of requirements make namespaces, which needs root: run this as root.\n');
  process.exit(3);
}
const all = process.argv.includes('--all');
const files = [...scan(root).keys()].filter((file) => all || !file.endsWith('.long.test.ts'));
const proofs = judge(Object.keys(REQUIREMENTS), run(files), root);
for (const { number, tests } of proofs) {
  process.stdout.write(`${number} ${REQUIREMENTS[number]}\n`);
  for (const { test, status } of tests) process.stdout.write(`    ${status}  ${test}\n`);
  if (tests.length === 0) process.stdout.write('    no test ran that names it\n');
}
const open = proofs.filter(({ proven }) => !proven).map(({ number }) => number);
process.stdout.write(
  `${proofs.length - open.length} of ${proofs.length} proven by tests that passed; not proven: ${open.join(', ') || 'none'}\n`,
);
process.exitCode = open.length > 0 ? 1 : 0;
