#!/usr/bin/env node
/**
 * `nix run .#test`: what `npm test` does after set-up, on a copy of the project that can be written to. The arguments
 * are those of `npm test`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInView } from '../../harness/setup/child.mjs';
import { workingCopy } from './build/tools.mjs';

const project = join(dirname(fileURLToPath(import.meta.url)), '../..');
const copy = join(mkdtempSync(join(tmpdir(), 'netsoak-test-')), 'netsoak');
try {
  workingCopy(project, copy);
  const built = await runInView([process.execPath, 'harness/setup/build.mjs'], copy);
  process.exitCode = built || (await runInView([process.execPath, 'harness/setup/test.mjs', ...process.argv.slice(2)], copy));
} finally {
  rmSync(dirname(copy), { recursive: true, force: true });
}
