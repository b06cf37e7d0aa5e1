import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cpio, type Entry, foldersOf } from './cpio.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-cpio-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function unpack(entries: readonly Entry[]): void {
  execFileSync('busybox', ['cpio', '-i', '-d'], {
    cwd: folder,
    input: cpio(entries),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

it('is unpacked by another program to the same names, bytes, modes and links', () => {
  // Every remainder of four, for name and data: that is where padding goes wrong.
  const files = [0, 1, 2, 3, 4, 5].map(
    (n): Entry => ({ kind: 'file', path: `d/${'n'.repeat(n + 1)}`, data: Buffer.alloc(n, 0x80 + n), mode: n % 2 ? 0o755 : 0o600 }),
  );
  unpack([...foldersOf('d/x'), ...files, { kind: 'link', path: 'd/link', target: '../elsewhere' }]);
  for (const [n, file] of files.entries()) {
    const path = join(folder, file.path);
    expect(readFileSync(path)).toEqual(Buffer.alloc(n, 0x80 + n));
    expect(lstatSync(path).mode & 0o777).toBe(n % 2 ? 0o755 : 0o600);
  }
  expect(readlinkSync(join(folder, 'd/link'))).toBe('../elsewhere');
});

it('counts bytes, not characters', () => {
  unpack([
    { kind: 'file', path: 'ä', data: 'größer' },
    { kind: 'file', path: 'after', data: 'intact' },
  ]);
  expect(readFileSync(join(folder, 'ä'), 'utf8')).toBe('größer');
  expect(readFileSync(join(folder, 'after'), 'utf8')).toBe('intact');
});

it('gives the same bytes for the same entries', () => {
  const entries: Entry[] = [{ kind: 'file', path: 'a', data: 'b' }];
  expect(cpio(entries)).toEqual(cpio(entries));
});

it('lists the folders on the way, outermost first', () => {
  expect(foldersOf('a/b/c').map((entry) => entry.path)).toEqual(['a', 'a/b']);
  expect(foldersOf('c')).toEqual([]);
});
