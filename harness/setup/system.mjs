/**
 * Programs that npm does not bring. What counts is whether the program is there, not which package it came from;
 * the Debian package is the cure.
 */
import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runChild, runStep } from './child.mjs';
import { PARTS } from './parts.mjs';
import { Problem } from './problem.mjs';

/** Debian keeps ip in /sbin, which an ordinary user's PATH lacks. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/sbin', '/sbin'];

/** Path of a program, or undefined. */
export function findProgram(name) {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The packages of these parts whose program this machine lacks. */
export function missingPackages(parts) {
  return parts
    .flatMap((part) => PARTS[part].packages)
    .filter((one) => {
      const path = findProgram(one.provides);
      return path === undefined || (one.static === true && !isStatic(path));
    });
}

/** Whether set-up may install packages here. */
function mayInstall() {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

const APT = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300'];
const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive' };
const APT_CURE =
  'run the command by hand to see all of it; an interrupted installation is mended with `dpkg --configure -a`, an unreachable mirror by looking at /etc/apt and the network';

let listsAreNew = false;

/** Fetches apt's package lists, at most once. False where that is not ours to do. */
export async function refreshPackageLists() {
  if (!mayInstall() || listsAreNew) return false;
  await runStep([...APT, 'update'], { env: APT_ENV, cure: APT_CURE });
  listsAreNew = true;
  return true;
}

/** Installs what is missing, or says exactly what somebody else has to install. */
export async function installPackages(missing) {
  const packages = missing.map(({ name }) => name);
  const install = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!mayInstall()) {
    const why = findProgram('apt-get') === undefined ? 'this is not Debian' : 'only root may install packages';
    throw new Problem(`missing on this machine: ${missing.map(({ provides }) => provides).join(', ')}; ${why}`, [
      'install the programs, then run the set-up again. On Debian, as root:',
      `  apt-get update && ${install}`,
    ]);
  }
  await refreshPackageLists();
  await runStep([...APT, 'install', '-y', '--no-install-recommends', ...packages], { env: APT_ENV, cure: APT_CURE });
  const still = missing.find(({ provides }) => findProgram(provides) === undefined);
  if (still) throw new Problem(`installed ${still.name}, yet ${still.provides} is not on PATH`, ['look at PATH and at `dpkg -L`']);
}

/** Runs a command; if it fails and package lists could be the reason, fetches them and tries once more. */
export async function runWithPackageLists(command, cure) {
  const { status } = await runChild(command);
  if (status === 0) return;
  await refreshPackageLists();
  await runStep(command, { cure });
}

/** An ELF program without an interpreter (PT_INTERP, elf(5)) runs where there are no libraries yet: in the guest's first moments. */
function isStatic(path) {
  const PT_INTERP = 3;
  const head = Buffer.alloc(4096);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  const [offset, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  for (let i = 0; i < count; i++) if (head.readUInt32LE(offset + i * size) === PT_INTERP) return false;
  return true;
}
