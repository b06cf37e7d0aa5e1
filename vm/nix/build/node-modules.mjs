#!/usr/bin/env node
/**
 * Installs the packages of the lock file for one system, so that the same tree comes out on any machine: the
 * fixed-output derivation of the flake is made by it, and hash.mjs computes that derivation's hash with it.
 *
 *   node node-modules.mjs FILES SYSTEM OUT
 *
 * FILES holds package.json, package-lock.json and .npmrc; SYSTEM is x86_64-linux or aarch64-linux; OUT gets node_modules/.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES = ['package.json', 'package-lock.json', '.npmrc'];

/** What npm calls the processors of Nix's systems. */
export const CPUS = { 'x86_64-linux': 'x64', 'aarch64-linux': 'arm64' };

/** @returns {void} throws when npm fails */
export function installPackages(files, system, out) {
  const work = mkdtempSync(join(tmpdir(), 'netsoak-packages-'));
  try {
    for (const name of FILES) writeFileSync(join(work, name), readFileSync(join(files, name)));
    const target = ['--os=linux', `--cpu=${CPUS[system]}`, '--libc=glibc', '--include=dev'];
    // Whose configuration it is must not matter: a home of its own. npm_config_cache and the like still reach it.
    const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-progress', ...target], {
      cwd: work,
      env: { ...process.env, HOME: work },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (status !== 0) throw new Error(`npm ci ended with ${status ?? error?.message}`);
    writeAccount(work);
    mkdirSync(out, { recursive: true });
    move(join(work, 'node_modules'), join(out, 'node_modules'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** npm's account of what it installed differs from version to version of npm; this one is the lock file's part of it. */
function writeAccount(work) {
  const lock = JSON.parse(readFileSync(join(work, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '' && existsSync(join(work, path, 'package.json')));
  const account = { name: lock.name, lockfileVersion: lock.lockfileVersion, requires: true, packages: Object.fromEntries(packages) };
  writeFileSync(join(work, 'node_modules/.package-lock.json'), `${JSON.stringify(account, null, 2)}\n`);
}

function move(from, to) {
  try {
    renameSync(from, to);
  } catch {
    // Another file system.
    cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [files, system, out] = process.argv.slice(2);
  installPackages(files, system, out);
}
