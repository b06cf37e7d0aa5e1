/** A full file system of its own: what fills it goes again, and what was there stays. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskFull } from './disk.js';

let disk: string;
beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'netsoak-disk-test-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'netsoak-disk-test', disk]);
});
afterEach(() => {
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

const ready = { isReady: () => Promise.resolve(true) } as Parameters<typeof diskFull>[0]['supervisor'];

test('has no room for a page while it lasts, and again afterwards', async () => {
  writeFileSync(join(disk, 'mine'), 'mine');
  const fault = diskFull({ supervisor: ready }, disk);
  expect(await fault.effect()).toBeUndefined();
  fault.inject();
  expect(await fault.effect()).toContain('does not fit');
  expect(() => writeFileSync(join(disk, 'more'), Buffer.alloc(4096))).toThrow('ENOSPC');
  expect(await fault.recovered()).toBeUndefined();
  fault.recover();
  expect(await fault.recovered()).toContain('room again');
  expect(readdirSync(disk).sort()).toEqual(['mine', 'more']);
});

test('says what is missing where a scenario made none', () => {
  expect(() => diskFull({ supervisor: ready }, join(disk, 'nothing')).inject()).toThrow('to fill');
});
