import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { HEADER_BYTES } from './record.js';
import { bytesOn, newSpoolDir, openSpool, removeSpools, segmentsOf, takeTexts } from './spool.test-support.js';

afterEach(removeSpools);

describe('the spool', () => {
  it('gives envelopes back in order, and at the next start those that were not acknowledged', async () => {
    const dir = newSpoolDir();
    const first = await openSpool(dir);
    for (const [index, text] of ['a', 'b', 'c', 'd'].entries()) await first.spool.append(Buffer.from(text), index + 1);
    expect(first.spool.rows).toBe(10);
    expect(await takeTexts(first.spool, 2)).toEqual(['a', 'b']);
    expect((await first.spool.head())?.rows).toBe(3);
    expect(first.spool.rows).toBe(7);
    await first.close();
    const second = await openSpool(dir);
    expect(second.spool.rows).toBe(7);
    await second.spool.append(Buffer.from('e'), 1);
    expect(await takeTexts(second.spool)).toEqual(['c', 'd', 'e']);
    expect(second.spool).toMatchObject({ rows: 0, empty: true });
    expect(segmentsOf(dir)).toEqual([]);
    expect([...first.lost, ...second.lost, ...first.noticed, ...second.noticed]).toEqual([]);
  });

  it('is for its owner alone', async () => {
    const dir = newSpoolDir();
    const { spool } = await openSpool(dir);
    await spool.append(Buffer.from('a'), 1);
    expect(fs.statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of fs.readdirSync(dir)) expect(fs.statSync(`${dir}/${name}`).mode & 0o777).toBe(0o600);
  });

  it('belongs to one process at a time', async () => {
    const dir = newSpoolDir();
    const { close } = await openSpool(dir);
    await expect(openSpool(dir)).rejects.toMatchObject({ exitCode: 64, message: `another process holds the spool ${dir}` });
    await close();
    await (await openSpool(dir)).close();
  });

  it('refuses a path that is no folder', async () => {
    const dir = newSpoolDir();
    fs.writeFileSync(dir, '');
    await expect(openSpool(dir)).rejects.toMatchObject({ exitCode: 64 });
  });

  it('keeps every byte of all its files below the bound, drops the oldest first and counts them', async () => {
    const dir = newSpoolDir();
    const { spool, lost, lostRows } = await openSpool(dir, 100_000);
    const sent = 400;
    for (let index = 0; index < sent; index++) {
      await spool.append(Buffer.from(String(index).padEnd(100 + ((index * 7919) % 900), '.')), 3);
      expect(bytesOn(dir)).toBeLessThanOrEqual(100_000);
      expect(spool.bytes).toBe(bytesOn(dir));
      expect(spool.rows + lostRows()).toBe(3 * (index + 1));
    }
    const left = (await takeTexts(spool)).map((text) => Number.parseInt(text, 10));
    expect(left).toEqual(Array.from({ length: left.length }, (_, index) => sent - left.length + index));
    expect(lostRows()).toBe(3 * (sent - left.length));
    expect(new Set(lost.map(([reason]) => reason))).toEqual(new Set(['spool_full']));
    // What is dropped at once is a sixteenth, so it was at least so full.
    expect(left.length * 500).toBeGreaterThan(100_000 * 0.8);
  });

  it('refuses an envelope that is longer than the bound, and keeps the others', async () => {
    const { spool, lost } = await openSpool(newSpoolDir(), 10_000);
    await spool.append(Buffer.from('a'), 1);
    await expect(spool.append(Buffer.alloc(10_000), 5)).rejects.toMatchObject({ reason: 'spool_full', final: false });
    expect(await takeTexts(spool)).toEqual(['a']);
    expect(lost).toEqual([]);
  });

  it('does not count a record as dropped that is on its way to the far end', async () => {
    const { spool, lostRows, close } = await openSpool(newSpoolDir(), 10_000);
    for (let index = 0; index < 9; index++) await spool.append(Buffer.alloc(1_000, String(index)), 10);
    const onItsWay = await spool.head();
    for (let index = 0; index < 9; index++) await spool.append(Buffer.alloc(1_000, 'x'), 10);
    expect(spool.rows + lostRows()).toBe(180);
    expect(await spool.head()).toBe(onItsWay);
    await spool.done();
    expect(spool.rows + lostRows()).toBe(170);
    expect((await takeTexts(spool)).every((text) => text.startsWith('x'))).toBe(true);
    expect(lostRows()).toBe(80);
    for (let index = 0; index < 9; index++) await spool.append(Buffer.alloc(1_000, String(index)), 10);
    await spool.head();
    for (let index = 0; index < 9; index++) await spool.append(Buffer.alloc(1_000, 'x'), 10);
    await close();
    expect(lostRows()).toBe(80 + 90);
  });

  it('keeps what it has when it may not be written to any more, and says why', async () => {
    const dir = newSpoolDir();
    const { spool } = await openSpool(dir, 10_000);
    await spool.append(Buffer.from('a'), 1);
    fs.rmSync(dir, { recursive: true });
    // The open segment is written all the same; the next one can't be made.
    await expect(spool.append(Buffer.alloc(5_000), 1)).rejects.toMatchObject({ reason: 'io', final: false });
    expect(await takeTexts(spool)).toEqual(['a']);
  });
});

describe('a spool whose run was killed', () => {
  const TORN = 'the last one, which is torn';

  it('has every record that an append had returned for, whole and in order', async () => {
    const dir = newSpoolDir();
    const module = new URL('../../../dist/collector/export/spool/spool.js', import.meta.url).href;
    const program = `
      const { Spool } = await import(${JSON.stringify(module)});
      const spool = await Spool.open(process.argv[1], 2 ** 30, { lost() {}, noticed() {} });
      for (let n = 0; ; n++) {
        await spool.append(Buffer.alloc(300_000, n % 251), n);
        process.stdout.write(n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let reported = -1;
    for await (const line of createInterface({ input: child.stdout })) {
      reported = Number(line);
      if (reported === 20) child.kill('SIGKILL');
    }
    await (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined);
    const { spool, lost } = await openSpool(dir, 2 ** 30);
    let count = 0;
    for (let record = await spool.head(); record !== undefined; record = await spool.head()) {
      expect(record.rows).toBe(count);
      expect(record.envelope.equals(Buffer.alloc(300_000, count % 251))).toBe(true);
      await spool.done();
      count++;
    }
    expect(count).toBeGreaterThan(reported);
    expect(lost).toEqual([]);
  });

  it.each(Array.from({ length: HEADER_BYTES + TORN.length }, (_, index) => index))(
    'leaves out a last record of which %i bytes were written',
    async (bytes) => {
      const dir = newSpoolDir();
      const first = await openSpool(dir);
      for (const text of ['a', 'b', TORN]) await first.spool.append(Buffer.from(text), 5);
      await first.close();
      const [segment] = segmentsOf(dir) as [string];
      fs.truncateSync(segment, 2 * (HEADER_BYTES + 1) + bytes);
      const second = await openSpool(dir);
      expect(second.spool.rows).toBe(10);
      await second.spool.append(Buffer.from('c'), 7);
      expect(second.spool.rows).toBe(17);
      expect(await takeTexts(second.spool)).toEqual(['a', 'b', 'c']);
      expect(second.spool.rows).toBe(0);
      expect(second.lost).toEqual([]);
      expect(second.noticed).toHaveLength(bytes === 0 ? 0 : 1);
    },
  );

  it('does not give back what was acknowledged', async () => {
    const dir = newSpoolDir();
    const first = await openSpool(dir);
    for (const text of ['a', 'b', 'c']) await first.spool.append(Buffer.from(text), 1);
    await takeTexts(first.spool, 2);
    // As a kill leaves it: nobody closed anything. (The lock is the only thing that the kernel would take back.)
    const copy = newSpoolDir();
    fs.cpSync(dir, copy, { recursive: true });
    expect(await takeTexts((await openSpool(copy)).spool)).toEqual(['c']);
  });

  it.each([
    ['is missing', (path: string) => fs.rmSync(path)],
    ['is empty', (path: string) => fs.truncateSync(path)],
    ['is garbage', (path: string) => fs.writeFileSync(path, Buffer.alloc(32, 7))],
  ])('gives everything back that is there when the cursor %s', async (_, damage) => {
    const dir = newSpoolDir();
    const first = await openSpool(dir);
    for (const text of ['a', 'b', 'c']) await first.spool.append(Buffer.from(text), 2);
    await takeTexts(first.spool, 1);
    await first.close();
    damage(`${dir}/cursor`);
    const second = await openSpool(dir);
    expect(second.spool.rows).toBe(6);
    expect(await takeTexts(second.spool)).toEqual(['a', 'b', 'c']);
    expect(second.spool.rows).toBe(0);
  });
});

describe('a damaged spool', () => {
  const TEXTS = ['first', 'second', 'third', 'fourth'];
  const LENGTHS = TEXTS.map((text) => HEADER_BYTES + text.length);
  const WHOLE = LENGTHS.reduce((sum, length) => sum + length);

  async function damaged(damage: (segment: string) => void) {
    const dir = newSpoolDir();
    const first = await openSpool(dir);
    for (const [index, text] of TEXTS.entries()) await first.spool.append(Buffer.from(text), 10 ** index);
    await first.close();
    damage(segmentsOf(dir)[0] as string);
    return openSpool(dir);
  }

  it.each(Array.from({ length: WHOLE - (LENGTHS[3] as number) }, (_, index) => index))(
    'loses the one record that byte %i belongs to, counts its rows, and goes on with the next',
    async (at) => {
      const { spool, lost } = await damaged((segment) => {
        const bytes = fs.readFileSync(segment);
        bytes[at] = (bytes[at] as number) ^ 0x40;
        fs.writeFileSync(segment, bytes);
      });
      const ends = LENGTHS.map((_, index) => LENGTHS.slice(0, index + 1).reduce((sum, length) => sum + length));
      const hit = ends.findIndex((end) => at < end);
      expect(spool.rows).toBe(1_111);
      expect(await takeTexts(spool)).toEqual(TEXTS.filter((_, index) => index !== hit));
      expect(lost).toEqual([['corrupt', 10 ** hit]]);
      expect(spool.rows).toBe(0);
    },
  );

  it('survives a hole that hides many records', async () => {
    const { spool, lost } = await damaged((segment) => {
      const fd = fs.openSync(segment, 'r+');
      fs.writeSync(fd, Buffer.alloc(60), 0, 60, 40);
      fs.closeSync(fd);
    });
    expect(await takeTexts(spool, 1)).toEqual(['first']);
    expect((await spool.head())?.envelope.toString()).toBe('fourth');
    // Told as soon as it is known.
    expect(lost).toEqual([['corrupt', 110]]);
    expect(spool.rows).toBe(1_000);
  });

  it('survives a segment that is gone', async () => {
    const dir = newSpoolDir();
    const first = await openSpool(dir, 20_000);
    for (const text of ['a', 'b', 'c', 'd']) await first.spool.append(Buffer.alloc(1_500, text), 4);
    await first.close();
    expect(segmentsOf(dir)).toHaveLength(4);
    fs.rmSync(segmentsOf(dir)[1] as string);
    const { spool, lost } = await openSpool(dir, 20_000);
    expect(spool.rows).toBe(16);
    expect((await takeTexts(spool)).map((text) => text[0])).toEqual(['a', 'c', 'd']);
    expect(lost).toEqual([['corrupt', 4]]);
  });

  it('finds a header that lies across two windows of the search', async () => {
    const dir = newSpoolDir();
    const first = await openSpool(dir, 64 << 20);
    const window = 1 << 20;
    for (const size of [window - 2 * HEADER_BYTES + 10, 5, 5]) await first.spool.append(Buffer.alloc(size), 1);
    await first.close();
    const [segment] = segmentsOf(dir) as [string];
    const fd = fs.openSync(segment, 'r+');
    fs.writeSync(fd, 'X', 0);
    fs.closeSync(fd);
    const { spool } = await openSpool(dir, 64 << 20);
    expect((await takeTexts(spool)).map((text) => text.length)).toEqual([5, 5]);
  });
});

describe('the books of a spool', () => {
  it('balance after whatever was done to it, and what is lost is the oldest', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 0, max: 1_200 }) }) },
      { weight: 4, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('look' as const) },
      { weight: 1, arbitrary: fc.constant('restart' as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const dir = newSpoolDir();
        let at = await openSpool(dir, 6_000);
        let appended = 0;
        let lost = 0;
        let expectedNext = 0;
        const taken: number[] = [];
        for (const [index, one] of steps.entries()) {
          if (typeof one === 'object') {
            await at.spool.append(Buffer.from(`${appended}`.padEnd(one.append, ' ')), 1);
            appended++;
          } else if (one === 'take') {
            const record = await at.spool.head();
            if (record !== undefined) taken.push(Number(record.envelope.toString()));
            await at.spool.done();
          } else if (one === 'look') await at.spool.head();
          else {
            await at.close();
            lost += at.lostRows();
            at = await openSpool(dir, 6_000);
          }
          expect(at.spool.rows + lost + at.lostRows() + taken.length, `step ${index}`).toBe(appended);
          expect(bytesOn(dir)).toBeLessThanOrEqual(6_000);
          expect(at.spool.empty).toBe(at.spool.rows === 0);
        }
        taken.push(...(await takeTexts(at.spool)).map(Number));
        for (const number of taken) {
          expect(number).toBeGreaterThanOrEqual(expectedNext);
          expectedNext = number + 1;
        }
        await at.close();
        expect(lost + at.lostRows() + taken.length).toBe(appended);
        await removeSpools();
      }),
      { numRuns: 60 },
    );
  });
});
