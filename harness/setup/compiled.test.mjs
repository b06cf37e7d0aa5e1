import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterCompiling, beforeCompiling, staleOutput } from './compiled.mjs';

let project;
const write = (path, text) => {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
};
const has = (path) => existsSync(join(project, path));

/** A build by hand: what tsc would write for these two sources. */
function compile() {
  const before = beforeCompiling(project);
  for (const path of ['dist/vm/a.js', 'dist/vm/b.js', 'dist/.tsbuildinfo']) write(path, '');
  afterCompiling(project, before);
}

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'netsoak-compiled-'));
  write('tsconfig.json', '{ "include": ["vm"] }');
  write('package-lock.json', '{}');
  write('vm/a.ts', 'a');
  write('vm/b.ts', 'b');
  write('vm/types.d.ts', 'no output');
});
afterEach(() => rmSync(project, { recursive: true }));

describe('whether dist/ is what the sources say', () => {
  it('needs a build first, then none', () => {
    expect(staleOutput(project)).toMatch(/nothing was built/);
    compile();
    expect(staleOutput(project)).toBeUndefined();
  });

  it('sees a change even where the file claims to be old, as after a checkout that restores times', () => {
    compile();
    write('vm/a.ts', 'A');
    utimesSync(join(project, 'vm/a.ts'), 0, 0);
    expect(staleOutput(project)).toMatch(/changed/);
  });

  it.each(['vm/new.ts', 'tsconfig.json', 'package-lock.json'])('sees that %s is new or another', (path) => {
    compile();
    write(path, '{ "include": ["vm"], "strict": true }');
    expect(staleOutput(project)).toMatch(/changed/);
  });

  it('makes tsc forget what it wrote when an output is gone, else it would not write it again', () => {
    compile();
    rmSync(join(project, 'dist/vm/a.js'));
    expect(staleOutput(project)).toBe('dist/vm/a.js is missing');
    beforeCompiling(project);
    expect(has('dist/.tsbuildinfo')).toBe(false);
  });

  it('lets tsc build on what it wrote when only sources changed', () => {
    compile();
    write('vm/a.ts', 'A');
    beforeCompiling(project);
    expect(has('dist/.tsbuildinfo')).toBe(true);
  });

  it('takes a build that was cut off for none', () => {
    compile();
    write('vm/a.ts', 'A');
    beforeCompiling(project);
    write('vm/a.ts', 'a');
    expect(staleOutput(project)).toMatch(/not to its end/);
  });

  it('removes the output of a source that is gone', () => {
    compile();
    rmSync(join(project, 'vm/b.ts'));
    beforeCompiling(project);
    expect([has('dist/vm/a.js'), has('dist/vm/b.js')]).toEqual([true, false]);
  });

  it('builds again when a source was saved while the compiler ran', () => {
    const before = beforeCompiling(project);
    for (const path of ['dist/vm/a.js', 'dist/vm/b.js']) write(path, '');
    write('vm/a.ts', 'saved meanwhile');
    afterCompiling(project, before);
    expect(staleOutput(project)).toMatch(/changed/);
  });
});
