/**
 * The project as it stands after `npm run build`, in `out`/lib/netsoak: sources, packages, compiled program, addons.
 * And `netsoakd`, which needs no more than that.
 */
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeStarter } from './starter.mjs';
import { attribute, copyTree, run } from './tools.mjs';

const out = attribute('out');
const project = join(out, 'lib/netsoak');
copyTree(attribute('src'), project);
symlinkSync(join(attribute('nodeModules'), 'node_modules'), join(project, 'node_modules'));
const native = process.env.native;
if (native !== undefined) copyTree(native, join(project, 'native/build'));

const { afterCompiling, beforeCompiling } = await import(join(project, 'harness/setup/compiled.mjs'));
const digest = beforeCompiling(project);
run([process.execPath, join(project, 'node_modules/typescript/bin/tsc'), '-p', project, '--pretty', 'false']);
afterCompiling(project, digest);

const daemon = join(project, 'dist/collector/main.js');
if (existsSync(daemon)) writeStarter(join(out, 'bin/netsoakd'), { node: attribute('node'), program: daemon });
console.log(`built ${readdirSync(join(project, 'dist')).join(', ')}`);
