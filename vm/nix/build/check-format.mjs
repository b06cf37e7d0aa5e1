/** `nix flake check`: Biome over everything that it knows, and the layout of the Nix files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute, run } from './tools.mjs';

const project = join(attribute('program'), 'lib/netsoak');
run([join(attribute('netsoak'), 'libexec/biome'), 'check', '--vcs-enabled=false', '.'], { cwd: project });
run([process.execPath, join(project, 'vm/nix/layout.mjs')]);
writeFileSync(attribute('out'), '');
