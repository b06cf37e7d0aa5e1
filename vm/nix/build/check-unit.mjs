/** `nix flake check`: the tests that take nothing but Node (*.test.ts). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute, run, scratch, workingCopy } from './tools.mjs';

const copy = join(scratch(), 'netsoak');
workingCopy(join(attribute('program'), 'lib/netsoak'), copy);
run([process.execPath, 'harness/setup/build.mjs'], { cwd: copy });
// Tests make Unix sockets, whose paths may have 107 bytes (sockaddr_un.sun_path); Nix's folder for the build takes half of them.
const env = { ...process.env, TMPDIR: '/tmp' };
run([process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', 'pure', '--reporter', 'dot'], { cwd: copy, env });
writeFileSync(attribute('out'), '');
