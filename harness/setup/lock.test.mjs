/**
 * The lock file suffices for `npm ci` on every system, not only on the one that it was written on: npm leaves out
 * optional packages that a registry lacks at that moment, and then `npm ci` refuses the file everywhere.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const { packages, lockfileVersion } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const installed = Object.entries(packages).filter(([path]) => path !== '');

describe('package-lock.json', () => {
  it('holds every package that one of its packages asks for, optional ones for other systems too', () => {
    const missing = Object.entries(packages).flatMap(([path, { dependencies, devDependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter((name) => resolved(path, name) === undefined)
        .map((name) => `${path} needs ${name}`),
    );
    expect(missing).toEqual([]);
    expect(lockfileVersion).toBe(3);
  });

  it('knows the content of each by its SHA-512', () => {
    const unknown = installed.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity)).map(([path]) => path);
    expect(unknown).toEqual([]);
  });

  it('holds no download address', () => {
    expect(installed.filter(([, one]) => 'resolved' in one).map(([path]) => path)).toEqual([]);
  });

  it('takes no package that needs a script to be run at its installation', () => {
    expect(installed.filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional).map(([path]) => path)).toEqual([]);
  });
});

/** Where Node finds `name` from the package at `path`: in its own node_modules, else in that of one around it. */
function resolved(path, name) {
  for (let at = path; ; at = parent(at)) {
    const place = join(at, 'node_modules', name);
    if (packages[place] !== undefined) return place;
    if (at === '') return undefined;
  }
}

function parent(path) {
  const above = dirname(path.slice(0, path.lastIndexOf('node_modules/') + 'node_modules'.length));
  return above === '.' ? '' : above;
}
