/**
 * Whether node_modules holds what package-lock.json says. npm keeps its own account of what it installed in
 * node_modules/.package-lock.json, written last: an interrupted `npm ci` leaves none. Comparing the two costs
 * milliseconds and is right after a git pull, whatever the file times are.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns {string | undefined} why `npm ci` has to run, or undefined when all is there */
export function packagesMissing(project) {
  const wanted = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')).packages;
  const account = join(project, 'node_modules/.package-lock.json');
  if (!existsSync(account)) return 'nothing is installed';
  const present = JSON.parse(readFileSync(account, 'utf8')).packages;
  return difference(wanted, present, (path) => existsSync(join(project, path, 'package.json')));
}

/**
 * The first difference between the lock file's packages and the installed ones, in words. Optional packages for
 * other systems (`os`, `cpu`, `libc`) are rightly absent, and so are the optional ones that only those need.
 * @param {Record<string, object>} wanted `packages` of package-lock.json; the key '' is the project itself
 * @param {Record<string, object>} present `packages` of node_modules/.package-lock.json
 * @param {(path: string) => boolean} isThere whether that package's folder is really there
 */
export function difference(wanted, present, isThere, { os = process.platform, cpu = process.arch } = {}) {
  for (const [path, one] of Object.entries(wanted)) {
    if (path === '') continue;
    const other = present[path];
    const forUs = (one.os || one.cpu) && suits(one.os, os) && suits(one.cpu, cpu) && suits(one.libc, 'glibc');
    if (other === undefined && one.optional && !forUs) continue;
    if (other === undefined || !isThere(path)) return `${path} is missing`;
    if (other.version !== one.version || other.integrity !== one.integrity) return `${path} is ${other.version}, not ${one.version}`;
  }
  const stray = Object.keys(present).find((path) => wanted[path] === undefined);
  return stray && `${stray} is no longer wanted`;
}

/** npm's form: a list of what it is for, or of what it is not for with `!` before it. */
function suits(list, value) {
  if (list === undefined) return true;
  return list.includes(value) || (list.every((entry) => entry.startsWith('!')) && !list.includes(`!${value}`));
}
