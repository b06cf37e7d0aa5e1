/**
 * The hash that Nix gives a folder: SHA-256 over its Nix archive, which knows names, contents, links and whether a
 * file is executable, and nothing else (Nix manual, "Nix Archive (NAR) format"; E. Dolstra, "The Purely Functional
 * Software Deployment Model", figure 5.2).
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** @returns {string} as `outputHash` takes it: `sha256-...` in base 64 */
export function narHash(path) {
  const hash = createHash('sha256');
  for (const piece of archive(path)) hash.update(piece);
  return `sha256-${hash.digest('base64')}`;
}

function* archive(path) {
  yield* strings('nix-archive-1');
  yield* node(path);
}

function* node(path) {
  const stat = lstatSync(path);
  yield* strings('(', 'type');
  if (stat.isSymbolicLink()) yield* strings('symlink', 'target', readlinkSync(path));
  else if (stat.isDirectory()) {
    yield* strings('directory');
    const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
    for (const name of names) {
      yield* strings('entry', '(', 'name', name, 'node');
      yield* node(join(path, name.toString()));
      yield* strings(')');
    }
  } else {
    yield* strings('regular', ...((stat.mode & 0o100) !== 0 ? ['executable', ''] : []), 'contents', readFileSync(path));
  }
  yield* strings(')');
}

/** Each with its length before it, filled up with zeros to a multiple of eight. */
function* strings(...values) {
  for (const value of values) {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    yield length;
    yield bytes;
    yield Buffer.alloc(-bytes.length & 7);
  }
}
