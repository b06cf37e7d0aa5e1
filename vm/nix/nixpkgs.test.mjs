/** What the flake takes for granted, held together without Nix: the list of nixpkgs' attributes, the stand-in, the hashes. */
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDigest, RECORD } from './hash.mjs';
import { complaints, nixFiles } from './layout.mjs';
import { narHash } from './nar.mjs';

const listed = JSON.parse(readFileSync('vm/nix/nixpkgs.json', 'utf8'));
const standIn = 'vm/nix/stand-in/flake.nix';
const ours = nixFiles().filter((file) => !file.endsWith(standIn));
const code = ours.map((file) => readFileSync(file, 'utf8').replaceAll(/^\s*#.*$/gm, '')).join('\n');

/** Attributes of `pkgs` or `lib` that our Nix files name: `pkgs.a.b`, `inherit (pkgs.a) b`. Text in descriptions (`\${pkgs`) is no code. */
function named(set) {
  const plain = [...code.matchAll(new RegExp(`(?<![\\w\\\\{.-])(?<!\\\\\\$\\{)${set}\\.([\\w.-]+\\w)`, 'g'))].map(([, path]) => path);
  const interpolated = [...code.matchAll(new RegExp(`(?<!\\\\)\\$\\{${set}\\.([\\w.-]+\\w)`, 'g'))].map(([, path]) => path);
  const inherited = [...code.matchAll(new RegExp(`inherit \\(${set}\\.([\\w.-]+)\\)\\s+([^;]+);`, 'g'))].flatMap(([, path, names]) =>
    names.split(/\s+/).map((name) => `${path}.${name}`),
  );
  const parents = [...code.matchAll(new RegExp(`inherit \\(${set}\\.([\\w.-]+)\\)`, 'g'))].map(([, path]) => path);
  return [...new Set([...plain, ...interpolated, ...inherited])].filter((path) => !parents.includes(path)).sort();
}

describe('what the flake uses of nixpkgs', () => {
  it.each(['pkgs', 'lib'])('is listed, each attribute of %s with the file that defines it', (set) => {
    expect(named(set)).toEqual(Object.keys(listed[set]).sort());
    expect(Object.values(listed[set]).filter((file) => !/^(pkgs|lib)\/.*\.nix$/.test(file))).toEqual([]);
  });

  it('is never taken by another way, which the list would not see', () => {
    expect(code).not.toMatch(/\bwith\s+(pkgs|lib)\b|nixpkgs\.lib|inherit \((pkgs|lib)\)/);
  });

  it('is nixpkgs alone, at a release', () => {
    expect([...code.matchAll(/inputs\.(\S+) = "(.*)"/g)].map(([, name, url]) => [name, url])).toEqual([
      ['nixpkgs.url', expect.stringMatching(/\/nixos-\d\d\.(05|11)$/)],
    ]);
  });
});

describe('the layout of the Nix files', () => {
  it.each(nixFiles())('is as it should be in %s', (file) => {
    expect(complaints(readFileSync(file, 'utf8'))).toEqual([]);
  });

  it.each([
    ['a tab', '{\n\ta = 1;\n}\n'],
    ['an odd indent', '{\n   a = 1;\n}\n'],
    ['white space at its end', '{ a = 1; } \n'],
    ['rec', 'rec { a = 1; }\n'],
    ['with', 'with pkgs; [ a ]\n'],
    ['a string of several lines', "{\n  a = ''\n    echo\n  '';\n}\n"],
    ['a list of several', '[ a b ]\n'],
    ['one line feed', '{ }'],
    ['longer than', `{ ${'a'.repeat(100)} = 1; }\n`],
  ])('is red on %s', (what, text) => {
    expect(complaints(text)).toContainEqual({ line: expect.any(Number), what: expect.stringContaining(what) });
  });
});

describe('the hash of the npm packages', () => {
  it('was computed from this very lock file', () => {
    expect(JSON.parse(readFileSync(RECORD, 'utf8')).lock, 'package-lock.json has changed: run `npm run nix-hash` and commit').toBe(
      lockDigest(),
    );
  });

  it('is the one that Nix computes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netsoak-nar-'));
    try {
      writeFileSync(join(folder, 'plain'), 'words\n', { mode: 0o644 });
      writeFileSync(join(folder, 'a program'), '', { mode: 0o755 });
      symlinkSync('plain', join(folder, 'ä link'));
      // `nix hash path` of such a folder.
      expect(narHash(folder)).toBe('sha256-rWU/cOC5zrcEMFC9Mp2RJWfT272dEPY4+lueeDx9jJs=');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
