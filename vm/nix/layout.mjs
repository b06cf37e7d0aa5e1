#!/usr/bin/env node
/**
 * The layout of the Nix files, as far as it can be held without nixfmt, which Debian does not have: `nix fmt` lays them
 * out where nixpkgs is. Prints FILE:LINE: what is wrong; exits 1 if anything is.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROJECT = join(HERE, '../..');
const WIDTH = 100;

/** Each line that is not as nixfmt would have it, or holds what we do not write. */
export function complaints(text) {
  const lines = text.split('\n');
  const found = [];
  const say = (at, what) => found.push({ line: at + 1, what });
  let inString = false;
  for (const [at, line] of lines.entries()) {
    if (/\s$/.test(line)) say(at, 'white space at its end');
    if (line.includes('\t')) say(at, 'a tab');
    if ((/^ */.exec(line)?.[0].length ?? 0) % 2 === 1) say(at, 'an odd indent');
    // nixfmt breaks code at 100 columns; it leaves comments and strings alone.
    if (line.length > WIDTH && !/^\s*#/.test(line) && !line.includes('"')) say(at, `longer than ${WIDTH}`);
    if (line.length > 120 && /^\s*#/.test(line)) say(at, 'a comment longer than 120');
    if (/\brec\s*\{/.test(line)) say(at, 'rec: a let says what refers to what');
    if (/^\s*[^#]*\bwith\s+\w+;/.test(line)) say(at, 'with: names should say where they come from');
    if (/import\s+\(|readFile\s+\(.*\$\{/.test(line)) say(at, 'import from a derivation');
    if (line.includes("''")) inString = true;
    if (/\[ [^\s(]+ [^\s\]]+.*\];?$/.test(line) && !line.includes('"')) say(at, 'a list of several stands one a line');
  }
  if (inString) found.push({ line: 0, what: 'a string of several lines: scripts are files of their own' });
  if (!text.endsWith('\n') || text.endsWith('\n\n')) found.push({ line: lines.length, what: 'one line feed at the end' });
  return found;
}

/** Absolute paths of the project's Nix files. */
export function nixFiles() {
  const inHere = readdirSync(HERE, { recursive: true }).filter((path) => path.endsWith('.nix'));
  return [join(PROJECT, 'flake.nix'), ...inHere.map((path) => join(HERE, path)).sort()];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = nixFiles().flatMap((file) =>
    complaints(readFileSync(file, 'utf8')).map(({ line, what }) => `${relative(PROJECT, file)}:${line}: ${what}`),
  );
  for (const line of found) console.error(line);
  process.exitCode = found.length === 0 ? 0 : 1;
}
