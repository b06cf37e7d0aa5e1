#!/usr/bin/env node
/**
 * `npm run nix-hash`: computes what the flake must expect of `npm ci` on each of its systems and writes it to
 * node-modules.json. To be run whenever package-lock.json changes; a test says so. `-- --check` only compares.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CPUS, installPackages } from './build/node-modules.mjs';
import { narHash } from './nar.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROJECT = join(HERE, '../..');

/** What the flake reads: the lock file's SHA-256, by which a test sees that the hashes are of another one, and the hash for each system. */
export const RECORD = join(HERE, 'node-modules.json');

export function lockDigest() {
  return createHash('sha256')
    .update(readFileSync(join(PROJECT, 'package-lock.json')))
    .digest('hex');
}

/** Takes npm's cache or a registry, and 5 to 10 s a system. */
export function computeHash(system) {
  const work = mkdtempSync(join(tmpdir(), 'netsoak-nix-hash-'));
  try {
    installPackages(PROJECT, system, join(work, 'out'));
    return narHash(join(work, 'out'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function main() {
  const hashes = Object.fromEntries(Object.keys(CPUS).map((system) => [system, computeHash(system)]));
  const now = `${JSON.stringify({ lock: lockDigest(), ...hashes }, null, 2)}\n`;
  const changed = readFileSync(RECORD, 'utf8') !== now;
  if (changed && process.argv.includes('--check')) {
    console.error(`netsoak: vm/nix/node-modules.json should be\n${now}\n  run \`npm run nix-hash\` and commit what it changes`);
    return 1;
  }
  if (changed) writeFileSync(RECORD, now);
  console.log(`vm/nix/node-modules.json: ${changed ? 'written' : 'up to date'}`);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
