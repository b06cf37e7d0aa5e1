/** Starts Biome by a loader of our choice; the arguments are the caller's. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { LOADER, LIBRARIES } = process.env;
const project = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const biome = join(project, `node_modules/@biomejs/cli-linux-${process.arch}/biome`);
const { status } = spawnSync(LOADER, ['--library-path', LIBRARIES, biome, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
