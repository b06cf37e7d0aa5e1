/** A spool in a folder of its own, and what became of its rows. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spool } from './spool.js';

const dirs: string[] = [];

export function newSpoolDir(): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-spool-'));
  dirs.push(dir);
  return join(dir, 'spool');
}

/** For afterEach: closes what a test left open, so that its lock is free, and removes its files. */
export async function removeSpools(): Promise<void> {
  await Promise.all(open.splice(0).map((spool) => spool.close().catch(() => {})));
  for (const dir of dirs.splice(0)) fs.rmSync(dir, { recursive: true });
}

const open: Spool[] = [];

export async function openSpool(dir: string, limit = 1 << 20, onLost: (reason: string, rows: number) => void = () => {}) {
  const lost: [reason: string, rows: number][] = [];
  const noticed: string[] = [];
  const spool = await Spool.open(dir, limit, {
    lost(reason, rows) {
      lost.push([reason, rows]);
      onLost(reason, rows);
    },
    noticed: (sentence) => noticed.push(sentence),
  });
  open.push(spool);
  const lostRows = () => lost.reduce((sum, [, rows]) => sum + rows, 0);
  const close = () => {
    open.splice(open.indexOf(spool), 1);
    return spool.close();
  };
  return { spool, lost, lostRows, noticed, close };
}

/** Takes the oldest records, as text; all of them unless told how many. */
export async function takeTexts(spool: Spool, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const record = await spool.head();
    if (record === undefined) break;
    texts.push(record.envelope.toString());
    await spool.done();
  }
  return texts;
}

/** Paths of its segments, oldest first. */
export function segmentsOf(dir: string): string[] {
  return fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.spool'))
    .sort()
    .map((name) => join(dir, name));
}

/** Bytes of all its files. */
export function bytesOn(dir: string): number {
  return fs.readdirSync(dir).reduce((sum, name) => sum + fs.statSync(join(dir, name)).size, 0);
}
