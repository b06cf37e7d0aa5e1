/** What exporters do when a far end is late, in trouble, gone or of another opinion. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { NO_CREDENTIALS } from '../credentials.js';
import { frameOfRows, rowsOfStream } from './contract.test-support.js';
import { ExportFailure, openExporter } from './exporter.js';
import { closeFarEnds, farDatagrams, farHttp, farSocket } from './far-ends.test-support.js';
import { HttpExporter } from './http.js';
import { Retrying } from './retrying.js';
import { SocketExporter } from './socket.js';
import { split } from './split.js';
import { UnixgramExporter } from './unixgram.js';

const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-far-'));
afterAll(() => fs.rmSync(dir, { recursive: true }));
afterEach(closeFarEnds);
let sockets = 0;
const newPath = () => join(dir, `socket-${sockets++}`);

describe('trying again', () => {
  function setUp(failures: number, random: number) {
    const pauses: number[] = [];
    const written: string[] = [];
    const inner = {
      write: async (bytes: Buffer) => {
        if (failures-- > 0) throw new ExportFailure('unreachable', 'not there', false);
        written.push(bytes.toString());
      },
      close: async () => {},
    };
    const retrying = new Retrying(inner, { retried: (_, ms) => pauses.push(ms), random: () => random, pause: async () => {} });
    return { retrying, pauses, written };
  }

  it('waits twice as long each time, up to ten seconds, and starts small with the next envelope', async () => {
    const { retrying, pauses, written } = setUp(9, 1);
    await retrying.write(Buffer.from('a'), 1);
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    await retrying.write(Buffer.from('b'), 1);
    expect(written).toEqual(['a', 'b']);
  });

  it('leaves half of each pause to chance', async () => {
    const { retrying, pauses } = setUp(2, 0);
    await retrying.write(Buffer.from('a'), 1);
    expect(pauses).toEqual([125, 250]);
  });

  it('gives up when it is closed in mid-pause, for good', async () => {
    const inner = { write: () => Promise.reject(new ExportFailure('unreachable', 'not there', false)), close: async () => {} };
    let pausing: () => void = () => {};
    const whenPausing = new Promise<void>((resolve) => {
      pausing = resolve;
    });
    const retrying = new Retrying(inner, { retried: () => pausing(), random: () => 1 });
    const write = retrying.write(Buffer.from('a'), 1);
    const outcome = expect(write).rejects.toMatchObject({ reason: 'closed', final: true, message: 'not there' });
    await whenPausing;
    await retrying.close();
    await outcome;
  });

  it('hands other failures on at once', async () => {
    const refused = new ExportFailure('refused', 'no', false);
    const retrying = new Retrying({ write: () => Promise.reject(refused), close: async () => {} }, { retried: () => {} });
    await expect(retrying.write(Buffer.from('a'), 1)).rejects.toBe(refused);
  });
});

describe('export: unix and tcp', () => {
  it('waits for a far end that is not there yet', async () => {
    const path = newPath();
    const retried: string[] = [];
    let far: Awaited<ReturnType<typeof farSocket>> | undefined;
    const exporter = await openExporter({ kind: 'unix', path }, 'jsonl', {
      retried: async (failure) => {
        retried.push(failure.message);
        far ??= await farSocket({ path });
      },
    });
    await exporter.write(Buffer.from('{"a":1}\n'), 1);
    await exporter.close();
    expect((await far?.arrived())?.toString()).toBe('{"a":1}\n');
    expect(retried[0]).toBe(`cannot connect to unix ${path}: no such file or directory`);
  });

  it('begins with the whole envelope again when the connection is cut inside it', async () => {
    const path = newPath();
    const first = await farSocket({ path });
    const exporter = new SocketExporter({ path }, 'it');
    await exporter.write(Buffer.from('small\n'));
    const large = Buffer.alloc(8 << 20, 'x');
    // More than any socket buffer holds, to a far end that goes in the middle of it.
    const write = exporter.write(large);
    while (Buffer.concat(first.connections[0] ?? []).length <= 'small\n'.length) await new Promise((resolve) => setImmediate(resolve));
    await first.close();
    await expect(write).rejects.toMatchObject({ reason: 'unreachable', final: false });
    const second = await farSocket({ path });
    await exporter.write(large);
    await exporter.close();
    expect((await second.arrived()).equals(large)).toBe(true);
  });

  it('connects anew when the far end left between two envelopes', async () => {
    const path = newPath();
    const first = await farSocket({ path });
    const retried: string[] = [];
    const exporter = await openExporter({ kind: 'unix', path }, 'jsonl', { retried: (failure) => retried.push(failure.message) });
    await exporter.write(Buffer.from('1\n'), 1);
    while (first.connections.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await first.close();
    const second = await farSocket({ path });
    // Its goodbye takes a turn of the event loop to be heard.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await exporter.write(Buffer.from('2\n'), 1);
    await exporter.close();
    expect((await second.arrived()).toString()).toBe('2\n');
    expect(retried).toEqual([]);
  });
});

describe('export: http', () => {
  const envelope = Buffer.from('{"a":1}\n');

  it('tries again until it is acknowledged, in order and with nothing in between', async () => {
    const statuses = [503, 200, 429, 408, 204];
    const far = await farHttp((request) => statuses[request] ?? 200);
    const inner = new HttpExporter(far.url, 'jsonl');
    const exporter = new Retrying(inner, { retried: () => {}, pause: async () => {} });
    for (const text of ['a', 'b', 'c']) await exporter.write(Buffer.from(`${text}\n`), 1);
    await exporter.close();
    expect(far.requests.map(({ body }) => body.toString())).toEqual(['a\n', 'a\n', 'b\n', 'b\n', 'b\n', 'c\n']);
    expect(far.taken().toString()).toBe('a\nb\nc\n');
    expect(far.requests[0]?.type).toBe('application/x-ndjson');
  });

  it.each([301, 400, 413])('drops what is refused with %i, and goes on', async (status) => {
    const far = await farHttp((request) => (request === 0 ? status : 200));
    const exporter = new HttpExporter(far.url, 'protobufList');
    await expect(exporter.write(envelope)).rejects.toMatchObject({
      reason: 'refused',
      final: false,
      message: `${far.url} answered ${status}`,
    });
    await exporter.write(envelope);
    await exporter.close();
    expect(far.requests[1]?.type).toBe('application/x-protobuf');
  });

  it('takes silence for no answer', async () => {
    const far = await farHttp((request) => (request === 0 ? 0 : 200));
    const exporter = new HttpExporter(far.url, 'jsonl', NO_CREDENTIALS, 50);
    await expect(exporter.write(envelope)).rejects.toMatchObject({
      reason: 'unreachable',
      message: `cannot post to ${far.url}: no answer for 0.05 s`,
    });
    await exporter.write(envelope);
    await exporter.close();
    expect(far.taken().equals(envelope)).toBe(true);
  });

  it('does not read an envelope any more when it was answered too early', async () => {
    const far = await farHttp((request) => (request === 0 ? -413 : 200));
    const exporter = new HttpExporter(far.url, 'jsonl');
    const large = Buffer.alloc(16 << 20, 'x');
    await expect(exporter.write(large)).rejects.toBeInstanceOf(ExportFailure);
    large.fill('y');
    await exporter.write(envelope);
    await exporter.close();
    expect(far.taken().equals(envelope)).toBe(true);
  });

  it('shows its user to the far end, and nobody else', async () => {
    const far = await farHttp(() => 403);
    const url = new URL(far.url);
    url.username = 'me';
    url.password = 'secret';
    const failure = await new HttpExporter(url, 'jsonl').write(envelope).catch((error: unknown) => error as Error);
    expect(far.requests[0]?.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
    expect(String(failure)).not.toContain('secret');
  });
});

/** An envelope of rows of these sizes (3 to 16,000 bytes), each filled with its own number. */
function frameOf(sizes: readonly number[]): Buffer {
  const varint = (value: number) =>
    value < 128
      ? [value]
      : value < 1 << 14
        ? [(value & 127) | 128, value >> 7]
        : [(value & 127) | 128, ((value >> 7) & 127) | 128, value >> 14];
  const body = Buffer.concat(sizes.flatMap((size, index) => [Buffer.from([0x52, ...varint(size)]), Buffer.alloc(size, index + 1)]));
  return Buffer.concat([Buffer.from(varint(body.length)), body]);
}

/** What each row of a frame is filled with. @throws when anything in it does not add up */
function rowsIn(frame: Buffer): number[] {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = frame[at++] as number;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const length = varint();
  expect(length).toBe(frame.length - at);
  const rows: number[] = [];
  while (at < frame.length) {
    expect(frame[at++]).toBe(0x52);
    const size = varint();
    rows.push(frame[at] as number);
    expect(frame.subarray(at, at + size).equals(Buffer.alloc(size, frame[at]))).toBe(true);
    at += size;
  }
  return rows;
}

describe('an envelope cut for datagrams', () => {
  const sizes = Array.from({ length: 120 }, (_, index) => 100 + ((index * 7919) % 700));

  it.each([200, 1_452, 16_383, 16_384, 65_507])('has every row once, in order, in whole frames of at most %i bytes', (limit) => {
    const pieces = split(frameOf(sizes), 'protobufList', limit);
    expect(pieces.flatMap(rowsIn)).toEqual(sizes.map((_, index) => index + 1));
    for (const piece of pieces) if (rowsIn(piece).length > 1) expect(piece.length).toBeLessThanOrEqual(limit);
    // No two neighbours would have fitted into one.
    for (let i = 1; i < pieces.length; i++) expect((pieces[i - 1]?.length ?? 0) + (pieces[i]?.length ?? 0)).toBeGreaterThan(limit);
  });

  it('leaves a row that is too long alone', () => {
    expect(split(frameOf([10, 5_000, 10, 10]), 'protobufList', 1_000).map(rowsIn)).toEqual([[1], [2], [3, 4]]);
    expect(split(Buffer.from('1\n22\n333333333\n4\n5\n'), 'jsonl', 6).map(String)).toEqual(['1\n22\n', '333333333\n', '4\n5\n']);
  });
});

describe('export: udp', () => {
  it('sends datagrams that are whole frames each', async () => {
    const far = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(far, 'listening');
    const arrived: Buffer[] = [];
    const exporter = await openExporter({ kind: 'udp', host: '127.0.0.1', port: far.address().port }, 'protobufList');
    const all = new Promise<void>((resolve) => {
      far.on('message', (datagram) => {
        arrived.push(datagram);
        if (arrived.flatMap(rowsIn).length === 6) resolve();
      });
    });
    await exporter.write(frameOf([600, 600, 600, 5_000]), 4);
    await exporter.write(frameOf([7, 8]), 2);
    await all;
    await exporter.close();
    far.close();
    expect(arrived.map(rowsIn)).toEqual([[1, 2], [3], [4], [1, 2]]);
    await expect(exporter.write(frameOf([1]), 1)).rejects.toMatchObject({ reason: 'closed', final: true });
  });

  it('refuses a row that fits in no datagram, and sends none of its neighbours', async () => {
    const far = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(far, 'listening');
    const arrived: Buffer[] = [];
    far.on('message', (datagram) => arrived.push(datagram));
    const exporter = await openExporter({ kind: 'udp', host: '127.0.0.1', port: far.address().port }, 'protobufList');
    await expect(exporter.write(frameOf([9, 70_000]), 2)).rejects.toMatchObject({ reason: 'refused', final: false });
    const next = once(far, 'message');
    await exporter.write(frameOf([9]), 1);
    await next;
    await exporter.close();
    far.close();
    expect(arrived.map(rowsIn)).toEqual([[1]]);
  });
});

describe('export: unixgram', () => {
  it('cuts envelopes into datagrams that are whole frames each, and none too long', async () => {
    const path = newPath();
    const far = await farDatagrams(path);
    const exporter = new UnixgramExporter(path, 'protobufList');
    await exporter.write(frameOfRows(0, 700, 900));
    await exporter.close();
    const datagrams = await far.end();
    expect(datagrams.length).toBe(11);
    expect(Math.max(...datagrams.map(({ length }) => length))).toBeLessThanOrEqual(65_507);
    expect(datagrams.flatMap(rowsOfStream).map(({ number }) => number)).toEqual(Array.from({ length: 700 }, (_, number) => number));
  });

  it('waits for a receiver that is behind, and loses nothing', async () => {
    const path = newPath();
    const far = await farDatagrams(path);
    const exporter = new UnixgramExporter(path, 'protobufList');
    far.signal('SIGSTOP');
    // More than any queue of datagrams holds.
    const write = exporter.write(frameOfRows(0, 8_000, 900));
    await new Promise((resolve) => setTimeout(resolve, 50));
    far.signal('SIGCONT');
    await write;
    await exporter.close();
    expect((await far.end()).flatMap(rowsOfStream)).toHaveLength(8_000);
  });

  it('takes a receiver that reads nothing for one that is not there, and gives up at once when it is closed', async () => {
    const path = newPath();
    const far = await farDatagrams(path);
    far.signal('SIGSTOP');
    const patient = new UnixgramExporter(path, 'protobufList');
    const impatient = new UnixgramExporter(path, 'protobufList', 20);
    const failure = { reason: 'unreachable', final: false, message: `cannot send to unixgram ${path}: no answer in time` };
    await expect(impatient.write(frameOfRows(0, 8_000, 900))).rejects.toMatchObject(failure);
    await impatient.close();
    const outcome = expect(patient.write(frameOfRows(0, 8_000, 900))).rejects.toMatchObject({ reason: 'closed', final: true });
    await patient.close();
    await outcome;
  });

  it('says when nobody is there, and finds who comes later', async () => {
    const path = newPath();
    const exporter = new UnixgramExporter(path, 'jsonl');
    await expect(exporter.write(Buffer.from('1\n'))).rejects.toMatchObject({
      reason: 'unreachable',
      message: `cannot send to unixgram ${path}: no such file or directory`,
    });
    const far = await farDatagrams(path);
    await exporter.write(Buffer.from('2\n'));
    await exporter.close();
    expect((await far.end()).map(String)).toEqual(['2\n']);
  });

  it('refuses a row that fits in no datagram', async () => {
    const path = newPath();
    const far = await farDatagrams(path);
    const exporter = new UnixgramExporter(path, 'jsonl');
    await expect(exporter.write(Buffer.from(`${'x'.repeat(1 << 20)}\n`))).rejects.toMatchObject({ reason: 'refused', final: false });
    await exporter.write(Buffer.from('2\n'));
    await exporter.close();
    expect((await far.end()).map(String)).toEqual(['2\n']);
  });
});
