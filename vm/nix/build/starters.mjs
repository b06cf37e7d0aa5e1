/** `netsoak` and what `nix run` starts, with the guest's manifest and a PATH of the store's programs alone. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeStarter } from './starter.mjs';
import { attribute } from './tools.mjs';

const out = attribute('out');
const project = join(attribute('program'), 'lib/netsoak');
const path = attribute('programs').split(':');
const common = {
  node: attribute('node'),
  path,
  environment: { NETSOAK_SUPPLY: join(attribute('guest'), 'supply.json'), NETSOAK_KAFKA: attribute('kafka') },
};
const cli = { ...common, program: join(project, 'dist/harness/cli.js') };

writeStarter(join(out, 'bin/netsoak'), cli);
for (const command of ['bench', 'doctor']) writeStarter(join(out, `bin/netsoak-${command}`), { ...cli, words: [command] });
writeStarter(join(out, 'bin/netsoak-soak'), { ...cli, words: ['run'] });
writeStarter(join(out, 'bin/netsoak-test'), {
  ...common,
  program: join(project, 'vm/nix/test.mjs'),
  path: [...path, ...attribute('buildPrograms').split(':')],
  environment: { ...common.environment, BIOME_BINARY: join(out, 'libexec/biome') },
});
// Biome comes as a program for other distributions, which name their loader in it; here it is nixpkgs' loader that starts it.
writeStarter(join(out, 'libexec/biome'), {
  node: attribute('node'),
  program: join(project, 'vm/nix/build/biome.mjs'),
  environment: { LOADER: attribute('loader'), LIBRARIES: attribute('libraries') },
});
symlinkSync(join(attribute('program'), 'bin/netsoakd'), join(out, 'bin/netsoakd'));
