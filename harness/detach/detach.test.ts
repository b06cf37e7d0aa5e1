import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lease, openLease, takeLease } from './lease.js';
import { folderOf, introduce, partWith, runOf } from './place.js';
import { Tail } from './tail.js';

let folder: string;
let leases: Lease[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-lease-'));
  leases = [];
});
afterEach(async () => {
  for (const lease of leases) await lease.end(0);
  rmSync(folder, { recursive: true });
});

async function open(ownerlessMs: number): Promise<{ lease: Lease; wishes: string[]; path: string }> {
  const path = join(folder, 'owner');
  const wishes: string[] = [];
  const wish = (name: string) => () => void wishes.push(name);
  const lease = await openLease(path, { interrupt: wish('interrupt'), kill: wish('kill'), expired: wish('expired') }, ownerlessMs);
  leases.push(lease);
  return { lease, wishes, path };
}
const aMoment = (): Promise<void> => new Promise((done) => setTimeout(done, 150));

describe('a lease', () => {
  it('expires once when nobody comes', async () => {
    const { wishes } = await open(20);
    await expect.poll(() => wishes).toEqual(['expired']);
    await aMoment();
    expect(wishes).toEqual(['expired']);
  });

  it('does not expire while somebody is there, and does when the last one has gone', async () => {
    const { wishes, path } = await open(50);
    const [one, two] = [await takeLease(path), await takeLease(path)];
    await aMoment();
    one.leave();
    await aMoment();
    expect(wishes).toEqual([]);
    two.leave();
    await expect.poll(() => wishes).toEqual(['expired']);
  });

  it('hands on what the owner wants, and tells him how it ended', async () => {
    const { lease, wishes, path } = await open(60_000);
    const owner = await takeLease(path);
    owner.interrupt();
    owner.kill();
    await expect.poll(() => wishes).toEqual(['interrupt', 'kill']);
    await lease.end(2);
    expect(await owner.ended).toBe(2);
    await expect(takeLease(path)).rejects.toThrow();
  });

  it('tells an owner whose conductor died that there is no exit code', async () => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => void socket.destroy()).listen(join(folder, 'dying'));
    const owner = await takeLease(join(folder, 'dying'));
    expect(await owner.ended).toBeUndefined();
    server.close();
  });
});

describe('a tail', () => {
  it('reads each line once, and a half one when it is whole', () => {
    const file = join(folder, 'lines');
    const tail = new Tail(file);
    expect(tail.read()).toEqual([]);
    writeFileSync(file, '{"a":1}\n{"a":');
    expect(tail.read()).toEqual([{ a: 1 }]);
    expect(tail.read()).toEqual([]);
    appendFileSync(file, '"\u00e9"}\n{"a":3}\n');
    expect(tail.read()).toEqual([{ a: '\u00e9' }, { a: 3 }]);
  });

  it('reads what is longer than one read(2)', () => {
    const file = join(folder, 'lines');
    const values = Array.from({ length: 40_000 }, (_, i) => ({ i, text: 'x'.repeat(40) }));
    writeFileSync(file, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    expect(new Tail(file).read()).toEqual(values);
  });
});

it('a run and its harness find each other until it is over', () => {
  const [harness, run] = [mkdtempSync(join(folder, 'h-')), mkdtempSync(join(folder, 'r-'))];
  expect([runOf(harness), folderOf(run)]).toEqual([undefined, undefined]);
  introduce(harness, run);
  expect([runOf(harness), folderOf(run)]).toEqual([run, harness]);
  partWith(run);
  expect(folderOf(run)).toBeUndefined();
});
