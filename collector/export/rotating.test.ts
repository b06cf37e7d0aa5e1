import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openExporter } from './exporter.js';
import { RotatingFile, type Rotation } from './rotating.js';

const root = fs.mkdtempSync(join(tmpdir(), 'netsoakd-rotating-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

let dir: string;
let path: string;
let clock: number;
beforeEach(() => {
  dir = fs.mkdtempSync(join(root, 'case-'));
  path = join(dir, 'rows');
  clock = Date.now();
});

const open = (rotation: Partial<Rotation>) => RotatingFile.open(path, 'jsonl', { bytes: 0, age: 0, keep: 100, ...rotation }, () => clock);
const line = (number: number) => Buffer.from(`{"row":${number}}\n`);
/** Texts of all files, oldest first. */
const files = () =>
  [
    ...fs
      .readdirSync(dir)
      .filter((name) => name !== 'rows')
      .sort(),
    'rows',
  ].map((name) => fs.readFileSync(join(dir, name), 'utf8'));

describe('a file that rotates', () => {
  it('by size: no file grows longer, none is cut inside an envelope, nothing is lost', async () => {
    const exporter = await open({ bytes: 25 });
    for (let row = 0; row < 7; row++) await exporter.write(line(row), 1);
    await exporter.close();
    expect(files()).toEqual(['{"row":0}\n{"row":1}\n', '{"row":2}\n{"row":3}\n', '{"row":4}\n{"row":5}\n', '{"row":6}\n']);
    for (const name of fs.readdirSync(dir)) expect(fs.statSync(join(dir, name)).mode & 0o777, name).toBe(0o600);
  });

  it('writes an envelope that is longer than a file into one of its own', async () => {
    const exporter = await open({ bytes: 5 });
    for (const row of [1, 2]) await exporter.write(line(row), 1);
    await exporter.close();
    expect(files()).toEqual(['{"row":1}\n', '{"row":2}\n']);
  });

  it('by age, which counts on over a restart', async () => {
    const first = await open({ age: 60_000 });
    await first.write(line(1), 1);
    await first.close();
    clock += 59_000;
    const second = await open({ age: 60_000 });
    await second.write(line(2), 1);
    clock += 2_000;
    await second.write(line(3), 1);
    clock += 59_000;
    await second.write(line(4), 1);
    await second.close();
    expect(files()).toEqual(['{"row":1}\n{"row":2}\n', '{"row":3}\n{"row":4}\n']);
  });

  it('keeps the newest, and what is none of its own', async () => {
    fs.writeFileSync(join(dir, 'rows.old'), 'mine');
    fs.writeFileSync(join(dir, 'rows2.20200101T000000.000Z'), 'mine');
    const exporter = await open({ bytes: 10, keep: 2 });
    for (let row = 0; row < 6; row++) await exporter.write(line(row), 1);
    await exporter.close();
    expect(files().sort()).toEqual(['mine', 'mine', '{"row":3}\n', '{"row":4}\n', '{"row":5}\n'].sort());
  });

  it('keeps names in the order of their rows when the clock stands still or goes back', async () => {
    const exporter = await open({ bytes: 10 });
    for (let row = 0; row < 4; row++) await exporter.write(line(row), 1);
    clock -= 3_600_000;
    for (let row = 4; row < 6; row++) await exporter.write(line(row), 1);
    await exporter.close();
    expect(files()).toEqual([0, 1, 2, 3, 4, 5].map((row) => line(row).toString()));
  });

  it('drops one envelope and goes on in the old file when there can be no next one', async () => {
    const exporter = await open({ bytes: 20 });
    for (const row of [1, 2]) await exporter.write(line(row), 1);
    fs.renameSync(path, join(dir, 'moved by hand'));
    await expect(exporter.write(line(3), 1)).rejects.toMatchObject({ reason: 'io', final: false });
    fs.renameSync(join(dir, 'moved by hand'), path);
    await exporter.write(line(4), 1);
    await exporter.close();
    expect(files()).toEqual(['{"row":1}\n{"row":2}\n', '{"row":4}\n']);
  });

  it('leaves a device alone', async () => {
    const rotation = { bytes: 5, age: 0, keep: 1 };
    const exporter = await openExporter({ kind: 'file', path: '/dev/null' }, 'jsonl', { rotation });
    for (const row of [1, 2]) await exporter.write(line(row), 1);
    await exporter.close();
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});
