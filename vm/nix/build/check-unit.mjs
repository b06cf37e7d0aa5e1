/** `nix flake check`: the tests that take nothing but Node (*.test.ts). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute, run, scratch, workingCopy } from './tools.mjs';

const copy = join(scratch(), 'netsoak');
workingCopy(join(attribute('program'), 'lib/netsoak'), copy);
run([process.execPath, 'harness/setup/build.mjs'], { cwd: copy });
run([process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', 'pure'], { cwd: copy });
writeFileSync(attribute('out'), '');
