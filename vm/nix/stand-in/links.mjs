/** Builder of the stand-in's packages: symbolic links to what this machine has. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const { out } = process.env;
const what = JSON.parse(process.env.what);
mkdirSync(out);

if (what.absent !== undefined) throw new Error(what.absent);

for (const [path, target] of Object.entries(what.paths ?? {})) link(path, target);

for (const name of what.packages ?? []) {
  const files = execFileSync('dpkg', ['-L', name], { encoding: 'utf8' }).split('\n');
  const programs = files.filter((path) => /^(\/usr)?\/s?bin\/[^/]+$/.test(path));
  // iproute2 has its `ip` in two places.
  for (const [program, file] of new Map(programs.map((path) => [basename(path), path]))) link(join('bin', program), file);
}

// As nixpkgs' closureInfo: the graphs that Nix has put beside us hold, for each path, itself, its deriver, a count and its references.
if (what.closure !== undefined) {
  const paths = new Set(what.closure);
  for (const graph of readdirSync('.').filter((name) => name.startsWith('graph-'))) {
    const lines = readFileSync(graph, 'utf8').split('\n');
    for (let at = 0; lines[at]; at += 3 + Number(lines[at + 2])) paths.add(lines[at]);
  }
  writeFileSync(join(out, 'store-paths'), [...paths].map((path) => `${path}\n`).join(''));
}

function link(path, target) {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  symlinkSync(target, join(out, path));
}
