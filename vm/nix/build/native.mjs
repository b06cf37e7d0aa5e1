/** The addons, the load generator and the relay, from the C++ of `src` with the headers of `nodeModules`. No planted faults. */
import { copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { attribute, copyTree, run } from './tools.mjs';

const out = attribute('out');
const work = join(tmpdir(), 'netsoak');
copyTree(attribute('src'), work);
symlinkSync(join(attribute('nodeModules'), 'node_modules'), join(work, 'node_modules'));
const { MAKES } = await import(join(work, 'harness/setup/makes.mjs'));
const native = join(work, 'native');
for (const { folder, targets } of MAKES) run(['make', '-C', join(native, folder), ...targets, `-j${availableParallelism()}`]);
mkdirSync(out);
const built = readdirSync(join(native, 'build'), { withFileTypes: true }).filter((entry) => entry.isFile());
for (const { name } of built) copyFileSync(join(native, 'build', name), join(out, name));
