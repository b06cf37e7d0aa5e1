/** What every exporter must do, and what those on this side of the process do when they fail. */
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type Bench, exporterContract, rowsOfStream, type TestRow } from './contract.test-support.js';
import { openExporter } from './exporter.js';
import { closeFarEnds, farDatagrams, farHttp, farSocket } from './far-ends.test-support.js';
import { FdExporter, type WriteCall } from './fd.js';
import { NullExporter } from './null.js';
import { openStdout } from './stdout.js';

const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-export-'));
afterAll(async () => {
  await closeFarEnds();
  fs.rmSync(dir, { recursive: true });
});
let files = 0;
const newPath = () => join(dir, `rows-${files++}`);

/** A frame as the reader makes it: varint length, then an envelope whose first byte is the row's tag. */
function frame(size: number, fill: number): Buffer {
  const body = Buffer.alloc(size, fill);
  body[0] = 0x52;
  const head: number[] = [];
  for (let rest = size; ; rest >>>= 7) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from(head), body]);
}

const FRAMES = [frame(1, 0), frame(300, 1), frame(700_000, 2), frame(1_000_000, 3), frame(5, 4)];
const STREAM = Buffer.concat(FRAMES);

/** A FIFO whose reader takes little at a time, so that a frame of a megabyte needs many writes. */
async function pipe(): Promise<Bench> {
  const path = newPath();
  execFileSync('mkfifo', [path]);
  const reading = fs.createReadStream(path, { highWaterMark: 4_096 });
  const parts: Buffer[] = [];
  const ended = new Promise<Buffer>((resolve) => {
    reading.on('data', (part) => parts.push(part as Buffer)).on('end', () => resolve(Buffer.concat(parts)));
  });
  const fd = await new Promise<number>((resolve, reject) =>
    fs.open(path, 'w', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const exporter = openStdout('protobufList', fd);
  return {
    exporter,
    arrived: async () => {
      fs.closeSync(fd);
      return rowsOfStream(await ended);
    },
  };
}

async function udp(): Promise<Bench> {
  const far = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(far, 'listening');
  const rows: TestRow[] = [];
  // An empty one stands behind all others.
  const ended = new Promise<void>((resolve) => {
    far.on('message', (datagram) => (datagram.length === 0 ? resolve() : rows.push(...rowsOfStream(datagram))));
  });
  return {
    exporter: await openExporter({ kind: 'udp', host: '127.0.0.1', port: far.address().port }, 'protobufList'),
    arrived: async () => {
      far.send(Buffer.alloc(0), far.address().port);
      await ended;
      far.close();
      return rows;
    },
  };
}

const BENCHES: Record<string, () => Promise<Bench>> = {
  file: async () => {
    const path = newPath();
    return {
      exporter: await openExporter({ kind: 'file', path }, 'protobufList'),
      arrived: async () => rowsOfStream(fs.readFileSync(path)),
    };
  },
  'stdout into a file': async () => {
    const path = newPath();
    const fd = fs.openSync(path, 'w');
    return { exporter: openStdout('protobufList', fd), arrived: async () => rowsOfStream(fs.readFileSync(path)) };
  },
  'stdout into a pipe': pipe,
  tcp: async () => {
    const far = await farSocket({ port: 0, host: '127.0.0.1' });
    const { port } = far.address() as AddressInfo;
    return {
      exporter: await openExporter({ kind: 'tcp', host: '127.0.0.1', port }, 'protobufList'),
      arrived: async () => rowsOfStream(await far.arrived()),
    };
  },
  unix: async () => {
    const path = newPath();
    const far = await farSocket({ path });
    return { exporter: await openExporter({ kind: 'unix', path }, 'protobufList'), arrived: async () => rowsOfStream(await far.arrived()) };
  },
  unixgram: async () => {
    const path = newPath();
    const far = await farDatagrams(path);
    const exporter = await openExporter({ kind: 'unixgram', path }, 'protobufList');
    return { exporter, arrived: async () => (await far.end()).flatMap(rowsOfStream) };
  },
  http: async () => {
    const far = await farHttp(() => 204);
    return { exporter: await openExporter({ kind: 'http', url: far.url }, 'protobufList'), arrived: async () => rowsOfStream(far.taken()) };
  },
};

for (const [name, open] of Object.entries(BENCHES)) exporterContract(name, open);
exporterContract('udp', udp, 'small');
// Nothing arrives anywhere; that the checksum is the one of these bytes says that each of them was read, once and in order.
exporterContract('null', async () => {
  const exporter = new NullExporter();
  const given: Buffer[] = [];
  return {
    exporter: {
      async write(bytes, rows) {
        const copy = Buffer.from(bytes);
        // Some envelopes come with their checksum, some without.
        await exporter.write(bytes, rows, given.length % 2 === 0 ? zlib.crc32(bytes) : undefined);
        given.push(copy);
      },
      close: () => exporter.close(),
    },
    async arrived() {
      const stream = Buffer.concat(given);
      expect(exporter.checksum).toBe(zlib.crc32(stream));
      return rowsOfStream(stream);
    },
  };
});

describe('export: file', () => {
  const target = (path: string) => ({ kind: 'file', path }) as const;

  it('is made for its owner alone, and keeps what an earlier run wrote', async () => {
    const path = newPath();
    for (const envelope of FRAMES) {
      const exporter = await openExporter(target(path), 'protobufList');
      await exporter.write(envelope, 1);
      await exporter.close();
    }
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    expect(fs.readFileSync(path).equals(STREAM)).toBe(true);
  });

  it.each([1, 2, 3, 299, 300])('cuts off a torn frame of %i bytes that a killed run left', async (torn) => {
    const path = newPath();
    fs.writeFileSync(path, Buffer.concat([FRAMES[0] as Buffer, FRAMES[1] as Buffer, (FRAMES[1] as Buffer).subarray(0, torn)]));
    const exporter = await openExporter(target(path), 'protobufList');
    await exporter.write(FRAMES[4] as Buffer, 1);
    await exporter.close();
    expect(fs.readFileSync(path).equals(Buffer.concat([FRAMES[0], FRAMES[1], FRAMES[4]] as Buffer[]))).toBe(true);
  });

  it('cuts off a torn line, however long', async () => {
    const path = newPath();
    fs.writeFileSync(path, `{"a":1}\n{"b":2}\n{"c":"${'x'.repeat(200_000)}`);
    const exporter = await openExporter(target(path), 'jsonl');
    await exporter.write(Buffer.from('{"d":4}\n'), 1);
    await exporter.close();
    expect(fs.readFileSync(path, 'utf8')).toBe('{"a":1}\n{"b":2}\n{"d":4}\n');
  });

  it.each(['protobufList', 'jsonl'] as const)('leaves a file alone that holds something else than %s', async (format) => {
    const path = newPath();
    fs.writeFileSync(path, 'Dear Sir or Madam,\n');
    await expect(openExporter(target(path), format)).rejects.toMatchObject({ exitCode: 64 });
    expect(fs.readFileSync(path, 'utf8')).toBe('Dear Sir or Madam,\n');
  });

  it('does not wait for the reader of a FIFO', async () => {
    const path = newPath();
    execFileSync('mkfifo', [path]);
    await expect(openExporter(target(path), 'protobufList')).rejects.toMatchObject({ exitCode: 64 });
  });

  it('says that a full device is full', async () => {
    const exporter = await openExporter(target('/dev/full'), 'protobufList');
    await expect(exporter.write(FRAMES[1] as Buffer, 1)).rejects.toMatchObject({
      reason: 'full',
      message: 'cannot write to /dev/full: the disk is full',
    });
    await exporter.close();
  });
});

describe('export: a descriptor that misbehaves', () => {
  /** Takes what `script` says at each call: a number of bytes, or an errno. */
  function scripted(script: (number | string)[], length?: number) {
    const taken: Buffer[] = [];
    const cuts: number[] = [];
    const write: WriteCall = async (_, bytes, offset, rest) => {
      const next = script.shift() ?? rest;
      if (typeof next === 'string') throw Object.assign(new Error(next), { code: next });
      taken.push(Buffer.from(bytes.subarray(offset, offset + Math.min(next, rest))));
      return { bytesWritten: Math.min(next, rest) };
    };
    const ftruncate = async (_: number, to: number) => void cuts.push(to);
    const options = { name: 'it', owned: false, ...(length === undefined ? {} : { length }) };
    return { exporter: new FdExporter(-1, options, { write, ftruncate }), taken: () => Buffer.concat(taken), cuts };
  }
  const envelope = Buffer.from('0123456789');

  it('goes on after short writes and EAGAIN where it stopped', async () => {
    const { exporter, taken } = scripted([3, 'EAGAIN', 1, 'EAGAIN', 'EAGAIN', 2]);
    await exporter.write(envelope);
    expect(taken().toString()).toBe('0123456789');
  });

  it('cuts a half-written envelope off a full disk, and writes the next one', async () => {
    const { exporter, cuts } = scripted([4, 'ENOSPC'], 100);
    await expect(exporter.write(envelope)).rejects.toMatchObject({ reason: 'full', final: false });
    expect(cuts).toEqual([100]);
    await exporter.write(envelope);
    await expect(scripted(['EIO'], 100).exporter.write(envelope)).rejects.toMatchObject({ reason: 'io', final: false });
  });

  it('never writes behind an envelope that it could not cut off', async () => {
    await expect(scripted([4, 'ENOSPC']).exporter.write(envelope)).rejects.toMatchObject({ reason: 'full', final: true });
  });
});

describe('export: stdout whose reader left', () => {
  it('says so, for good', async () => {
    const path = newPath();
    execFileSync('mkfifo', [path]);
    const reader = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const fd = fs.openSync(path, 'w');
    const exporter = openStdout('protobufList', fd);
    await exporter.write(FRAMES[1] as Buffer, 1);
    fs.closeSync(reader);
    const gone = { reason: 'closed', final: true, message: 'cannot write to standard output: the reader has gone' };
    await expect(exporter.write(FRAMES[3] as Buffer, 1)).rejects.toMatchObject(gone);
    await expect(exporter.write(FRAMES[0] as Buffer, 1)).rejects.toMatchObject(gone);
    await exporter.close();
    fs.closeSync(fd);
  });
});
