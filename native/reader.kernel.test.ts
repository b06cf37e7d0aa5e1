import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import zlib from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addon } from './addon.js';
import { type Envelope, type NamespaceRef, openReader, type PollResult, type Reader, type ReaderOptions } from './index.js';
import { type JsonRow, parseSs, ssDifference } from './ss-text.js';
import { type Endpoint, pathOf, refTo, TestNamespaces } from './test-namespaces.js';

// A busy machine makes namespaces slowly; nothing here is about time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ESTABLISHED = 1;

let namespaces: TestNamespaces;
const readers: Reader[] = [];

beforeEach(() => {
  namespaces = new TestNamespaces();
});
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.close()));
  await namespaces.release();
});

/** A reader of JSON lines that gives every envelope back at once, unless told otherwise. */
function reader(onEnvelope: (envelope: Envelope) => void, options: Partial<ReaderOptions> = {}): Reader {
  const opened = openReader(
    {
      workers: 2,
      format: 'jsonl',
      identity: { daemonVersion: '1.2.3', hostname: 'here', location: '', label: '', tag: '' },
      flushRows: 2400,
      flushBytes: 768 * 1024,
      blocks: 16,
      states: 0x1fff,
      ...options,
    },
    onEnvelope,
  );
  readers.push(opened);
  return opened;
}

const linesOf = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonRow);

async function pollOnce(
  refs: readonly NamespaceRef[],
  options?: Partial<ReaderOptions>,
): Promise<{ rows: JsonRow[]; result: PollResult; sizes: number[] }> {
  const rows: JsonRow[] = [];
  const sizes: number[] = [];
  const opened = reader((envelope) => {
    const lines = linesOf(envelope.bytes);
    expect(lines).toHaveLength(envelope.rows);
    sizes.push(envelope.bytes.length);
    rows.push(...lines);
    envelope.release();
  }, options);
  const result = await opened.poll(refs);
  expect(rows).toHaveLength(result.rows);
  expect(sizes).toHaveLength(result.envelopes);
  return { rows, result, sizes };
}

const endpointOf = (row: JsonRow) =>
  `${row.inet_diag_msg_socket_source} ${row.inet_diag_msg_socket_source_port} ${row.inet_diag_msg_socket_destination} ${row.inet_diag_msg_socket_destination_port}`;
const endpointText = (end: Endpoint) => `${end.local} ${end.localPort} ${end.remote} ${end.remotePort}`;
const established = (rows: readonly JsonRow[]) => rows.filter((row) => row.inet_diag_msg_state === ESTABLISHED);
const identityOf = (row: JsonRow) => `${row.netns_cookie} ${row.inet_diag_msg_socket_cookie} ${row.poll_id} ${row.kind}`;

test('finds every socket in its own namespace: IPv4, IPv6 and IPv4 on a dual-stack listener', async () => {
  const names = namespaces.addMany(4);
  const made = await Promise.all(names.map((name) => namespaces.connect(name, 5)));
  const { rows, result } = await pollOnce(names.map((name) => refTo(pathOf(name), name)));

  expect([...result.namespaces].map(({ status, step, errno }) => ({ status, step, errno }))).toEqual(
    names.map(() => ({ status: 'ok', step: '', errno: 0 })),
  );
  names.forEach((name, index) => {
    const own = rows.filter((row) => row.netns === name);
    expect(established(own).map(endpointOf).sort()).toEqual((made[index] as Endpoint[]).map(endpointText).sort());
    expect(new Set(own.map((row) => row.netns_cookie))).toEqual(new Set([String(result.namespaces.at(index)?.netnsCookie)]));
    expect(new Set(own.map((row) => row.netns_inode))).toEqual(new Set([String(refTo(pathOf(name)).inode)]));
    expect(own).toHaveLength(result.namespaces.at(index)?.rows as number);
    expect(own.map((row) => Number(row.record_counter))).toEqual(own.map((_, at) => at + 1));
  });
  expect(new Set([...result.namespaces].map(({ netnsCookie }) => netnsCookie)).size).toBe(names.length);
  expect(new Set(rows.map(identityOf)).size).toBe(rows.length);
  expect(result.unknown).toEqual({});
});

test('says of each socket of the live kernel what ss says', async () => {
  const name = namespaces.add();
  await namespaces.connect(name, 5);
  const { rows } = await pollOnce([refTo(pathOf(name), name)]);
  const sockets = parseSs(
    execFileSync('ip', ['netns', 'exec', name, 'ss', '-tinmoeHa', '--tos'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  // Times go on between the two looks; and an older ss does not know every value.
  const label = (word: string) => word.replace(/^[-+]/, '').replace(/:.*/, '');
  const moving = ['lastsnd', 'lastrcv', 'lastack', 'timer'];
  const known = new Set(sockets.flatMap((socket) => socket.words.map(label)));
  const differences = sockets.flatMap((socket) => {
    const row = rows.find((candidate) => candidate.inet_diag_msg_socket_cookie === socket.cookie);
    if (row === undefined) return `socket ${socket.cookie}: not read`;
    const words = ssDifference(socket, row)
      .split(' ')
      .filter((word) => word !== '');
    return words
      .filter((word) => known.has(label(word)) && !moving.includes(label(word)))
      .map((word) => `socket ${socket.cookie}: ${word}`);
  });
  expect(sockets).toHaveLength(33);
  expect(rows).toHaveLength(sockets.length);
  expect(differences).toEqual([]);
});

test('stamps rows with the time of the receive, inside the poll, in nanoseconds', async () => {
  const before = BigInt(Date.now()) * 1_000_000n;
  const { rows, result } = await pollOnce([refTo('/proc/self/ns/net')]);
  const after = (BigInt(Date.now()) + 1n) * 1_000_000n;
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const stamp = BigInt(row.timestamp_ns as string);
    expect(stamp).toBeGreaterThan(result.pollId);
    expect(stamp).toBeGreaterThan(before);
    expect(stamp).toBeLessThan(after);
    expect(row.poll_id).toBe(String(result.pollId));
  }
});

test('gives each poll an id of its own that only grows', async () => {
  const opened = reader((envelope) => envelope.release());
  const ids: bigint[] = [];
  for (let i = 0; i < 20; i++) ids.push((await opened.poll([])).pollId);
  expect(new Set(ids).size).toBe(20);
  expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
});

describe('a namespace that is not what discovery saw', () => {
  test('deleted: gone, nothing read', async () => {
    const name = namespaces.add();
    const ref = refTo(pathOf(name), name);
    namespaces.delete(name);
    const { rows, result } = await pollOnce([ref]);
    expect(result.namespaces.at(0)).toMatchObject({ status: 'gone', step: 'open', rows: 0 });
    expect(rows).toEqual([]);
  });

  test('replaced by another one under the same path: gone, the new one is not read under the old name', async () => {
    const [old, other] = namespaces.addMany(2) as [string, string];
    await namespaces.connect(other, 2);
    const ref = { ...refTo(pathOf(old), 'old'), path: pathOf(other) };
    const { rows, result } = await pollOnce([ref]);
    expect(result.namespaces.at(0)).toMatchObject({ status: 'gone', step: 'open', rows: 0 });
    expect(rows).toEqual([]);
  });

  test('a plain file, as a lost bind mount leaves behind: unenterable, and the next namespaces are still read', async () => {
    const name = namespaces.add();
    await namespaces.connect(name, 1);
    const file = join(tmpdir(), `soaktest-${process.pid}`);
    writeFileSync(file, '');
    try {
      const { rows, result } = await pollOnce([refTo(file), refTo(pathOf(name), name)], { workers: 1 });
      expect([...result.namespaces].map(({ status, step }) => ({ status, step }))).toEqual([
        { status: 'unenterable', step: 'setns' },
        { status: 'ok', step: '' },
      ]);
      expect(established(rows)).toHaveLength(6);
    } finally {
      rmSync(file);
    }
  });

  test('a pipe, which would hold up whoever opens it: unenterable at once', async () => {
    const pipe = join(tmpdir(), `soaktest-pipe-${process.pid}`);
    execFileSync('mkfifo', [pipe]);
    try {
      const { result } = await pollOnce([refTo(pipe)]);
      expect(result.namespaces.at(0)?.status).toBe('unenterable');
    } finally {
      rmSync(pipe);
    }
  });

  test('leaves no trace in the reader: its own namespace is read right afterwards', async () => {
    const names = namespaces.addMany(3);
    const own = refTo('/proc/self/ns/net', 'own');
    const refs = [...names.map((name) => refTo(pathOf(name), name)), { ...refTo(pathOf(names[0] as string)), inode: 1 }, own];
    const { rows, result } = await pollOnce(refs, { workers: 1 });
    expect(result.namespaces.at(-1)?.status).toBe('ok');
    expect(rows.every((row) => row.netns === 'own')).toBe(true);
    expect(new Set(rows.map((row) => row.netns_cookie))).toEqual(new Set([String(result.namespaces.at(-1)?.netnsCookie)]));
  });
});

describe('envelopes', () => {
  test('a flush in mid-poll loses and repeats no row', async () => {
    const names = namespaces.addMany(3);
    const made = (await Promise.all(names.map((name) => namespaces.connect(name, 40)))).flat();
    const { rows, result } = await pollOnce(
      names.map((name) => refTo(pathOf(name), name)),
      { flushRows: 50 },
    );
    expect(result.envelopes).toBeGreaterThanOrEqual(Math.ceil(result.rows / 50));
    // Three namespaces use the same addresses, and ports may differ: each end is there once.
    expect(established(rows).map(endpointOf).sort()).toEqual(made.map(endpointText).sort());
    expect(new Set(rows.map(identityOf)).size).toBe(rows.length);
  });

  test('none is longer than the flush limit', async () => {
    const name = namespaces.add();
    await namespaces.connect(name, 20);
    for (const format of ['jsonl', 'protobuf'] as const) {
      const sizes: number[] = [];
      let rows = 0;
      const opened = reader(
        (envelope) => {
          sizes.push(envelope.bytes.length);
          rows += envelope.rows;
          envelope.release();
        },
        { format, flushBytes: 10_000 },
      );
      const result = await opened.poll([refTo(pathOf(name), name)]);
      expect(rows).toBe(result.rows);
      expect(rows).toBe(123);
      expect(sizes.length).toBeGreaterThan(3);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10_000);
    }
  });

  test('a consumer that releases late gets every row, unspoiled, and only waits', async () => {
    const name = namespaces.add();
    const made = await namespaces.connect(name, 40);
    const rows: JsonRow[] = [];
    let out = 0;
    let most = 0;
    const opened = reader(
      (envelope) => {
        most = Math.max(most, ++out);
        // Reads the bytes only when it lets go of them: a block that is used again too early shows here.
        setTimeout(() => {
          rows.push(...linesOf(envelope.bytes));
          out--;
          envelope.release();
        }, 10);
      },
      { flushRows: 10, blocks: 3 },
    );
    await opened.poll([refTo(pathOf(name), name)]);
    while (out > 0) await sleep(5);
    expect(most).toBeLessThanOrEqual(3);
    expect(established(rows).map(endpointOf).sort()).toEqual(made.map(endpointText).sort());
  });

  test('that wait to be told of together never keep the workers waiting for their blocks', async () => {
    const names = namespaces.addMany(2);
    const made = (await Promise.all(names.map((name) => namespaces.connect(name, 40)))).flat();
    for (const [workers, blocks] of [
      [2, 4],
      [2, 3],
      [1, 2],
      [1, 1],
    ] as const) {
      const { rows, result } = await pollOnce(
        names.map((name) => refTo(pathOf(name), name)),
        { flushRows: 1, workers, blocks },
      );
      expect(result.envelopes, `${workers} workers, ${blocks} blocks`).toBe(result.rows);
      expect(established(rows)).toHaveLength(made.length);
    }
  });

  test('are told of one by one while a consumer holds all but one of the blocks', async () => {
    const name = namespaces.add();
    await namespaces.connect(name, 40);
    const held: Envelope[] = [];
    let rows = 0;
    const opened = reader(
      (envelope) => {
        rows += envelope.rows;
        if (held.push(envelope) === 8) held.shift()?.release();
      },
      { flushRows: 1, blocks: 8 },
    );
    expect((await opened.poll([refTo(pathOf(name), name)])).rows).toBe(rows);
    for (const envelope of held) envelope.release();
  });

  test('come with the checksum of their bytes when it was asked for', async () => {
    const name = namespaces.add();
    await namespaces.connect(name, 40);
    for (const format of ['jsonl', 'protobuf'] as const) {
      const checksums: (readonly [given: number | undefined, is: number])[] = [];
      const opened = reader(
        (envelope) => {
          checksums.push([envelope.checksum, zlib.crc32(envelope.bytes)]);
          envelope.release();
        },
        { format, flushRows: 10, checksums: addon().crc32 !== undefined },
      );
      await opened.poll([refTo(pathOf(name), name)]);
      expect(checksums.length).toBeGreaterThan(8);
      for (const [given, is] of checksums) expect(given ?? is).toBe(is);
      expect(checksums.every(([given]) => given !== undefined)).toBe(addon().crc32 !== undefined);
    }
  });

  test('closing does not wait for a consumer that never releases', async () => {
    const name = namespaces.add();
    await namespaces.connect(name, 40);
    const opened = reader(() => {}, { flushRows: 10, blocks: 2 });
    const poll = opened.poll([refTo(pathOf(name), name)]);
    await sleep(50);
    await opened.close();
    expect((await poll).namespaces.at(0)).toMatchObject({ status: 'error', step: 'closed', rows: 20 });
  });

  test('one that is held keeps its bytes when the reader is closed and forgotten, then its memory goes', async () => {
    const MIB = 37;
    const mapped = () =>
      [...readFileSync('/proc/self/maps', 'utf8').matchAll(/^(\w+)-(\w+) rw/gm)].some(
        ([, from, to]) => Number.parseInt(to as string, 16) - Number.parseInt(from as string, 16) === MIB << 20,
      );
    const held: { bytes: Buffer; copy: Buffer }[] = [];
    const name = namespaces.add();
    await namespaces.connect(name, 40);
    let opened: Reader | undefined = reader(({ bytes }) => held.push({ bytes, copy: Buffer.from(bytes) }), { blocks: MIB });
    await opened.poll([refTo(pathOf(name), name)]);
    await opened.close();
    readers.pop();
    opened = undefined;
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const collected = async (done: () => boolean) => {
      for (let i = 0; i < 20 && !done(); i++) {
        collect();
        await sleep(1);
      }
      return done();
    };
    expect(held).toHaveLength(1);
    expect(await collected(() => !mapped())).toBe(false);
    expect(held.every(({ bytes, copy }) => bytes.equals(copy))).toBe(true);
    held.length = 0;
    expect(await collected(() => !mapped())).toBe(true);
  });

  test('a consumer that throws fails the poll, not the reader', async () => {
    const own = refTo('/proc/self/ns/net');
    let broken = true;
    const opened = reader(
      (envelope) => {
        if (broken) throw new Error('no room');
        envelope.release();
      },
      { blocks: 1 },
    );
    await expect(opened.poll([own])).rejects.toThrow('no room');
    broken = false;
    expect((await opened.poll([own])).rows).toBeGreaterThan(0);
  });

  test('an envelope released twice is refused', async () => {
    const opened = reader((envelope) => {
      envelope.release();
      expect(() => envelope.release()).toThrow('released twice');
    });
    expect((await opened.poll([refTo('/proc/self/ns/net')])).envelopes).toBe(1);
  });
});

test('one poll at a time, none after close', async () => {
  const opened = reader((envelope) => envelope.release());
  const first = opened.poll([]);
  await expect(opened.poll([])).rejects.toThrow('under way');
  await first;
  await opened.close();
  await opened.close();
  await expect(opened.poll([])).rejects.toThrow('closed');
});

test('threads do not depend on namespaces, descriptors not on polls', async () => {
  const names = namespaces.addMany(200);
  const refs = names.map((name) => refTo(pathOf(name), name));
  const threads = () => readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim());
  const workers = () => threads().filter((name) => name.startsWith('ns-reader-'));
  const descriptors = () => readdirSync('/proc/self/fd').length;

  const opened = reader((envelope) => envelope.release());
  await opened.poll(refs.slice(0, 10));
  const [threadsAtTen, descriptorsAtTen] = [threads().length, descriptors()];
  expect(workers()).toHaveLength(2);
  for (let i = 0; i < 20; i++) {
    const result = await opened.poll(refs);
    expect([...result.namespaces].every(({ status }) => status === 'ok')).toBe(true);
  }
  for (let i = 0; i < 180; i++) await opened.poll(refs.slice(0, 3));
  expect(threads()).toHaveLength(threadsAtTen);
  expect(descriptors()).toBe(descriptorsAtTen);
  await opened.close();
  // Whoever waits for a thread is woken (CLONE_CHILD_CLEARTID, clone(2)) a moment before it is gone from /proc.
  await expect.poll(workers).toHaveLength(0);
});

test('pins no namespace: one that is deleted after a poll takes its devices with it', async () => {
  const name = namespaces.add();
  const link = `soak${process.pid % 100000}`;
  execFileSync('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'inside', 'netns', name]);
  const opened = reader((envelope) => envelope.release());
  expect((await opened.poll([refTo(pathOf(name), name)])).namespaces.at(0)?.status).toBe('ok');
  namespaces.delete(name);
  const exists = () => readdirSync('/sys/class/net').includes(link);
  for (let i = 0; i < 100 && exists(); i++) await sleep(20);
  expect(exists()).toBe(false);
});
