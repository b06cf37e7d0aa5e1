import { execFileSync } from 'node:child_process';
import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Address, type Expression, expressions, holds, type Subject, type Values, write, writeForSs } from './filter.test-support.js';
import { openReader, statesMask } from './index.js';
import type { JsonRow } from './ss-text.js';
import { pathOf, refTo, TestNamespaces } from './test-namespaces.js';

/** A namespace of IPv4, IPv6 and IPv4 on dual-stack listeners: 33 sockets. */
const namespaces = new TestNamespaces();
let name: string;
beforeAll(async () => {
  name = namespaces.add();
  await namespaces.connect(name, 5);
});
afterAll(() => namespaces.release());

interface Choice {
  readonly filter?: string;
  readonly states?: number;
  readonly sample?: number;
}

async function read(choice: Choice = {}): Promise<{ rows: JsonRow[]; sampledOut: number | undefined }> {
  const rows: JsonRow[] = [];
  const reader = openReader(
    {
      workers: 1,
      format: 'jsonl',
      identity: { daemonVersion: '', hostname: '', location: '', label: '', tag: '' },
      flushRows: 1000,
      flushBytes: 1 << 20,
      blocks: 4,
      states: 0x1fff,
      ...choice,
    },
    (envelope) => {
      const lines = envelope.bytes.toString().trimEnd().split('\n');
      rows.push(...lines.map((line) => JSON.parse(line) as JsonRow));
      envelope.release();
    },
  );
  const result = await reader.poll([refTo(pathOf(name), name)]);
  await reader.close();
  expect(result.namespaces.at(0)).toMatchObject({ status: 'ok', step: '', errno: 0 });
  return { rows, sampledOut: result.sampledOut };
}

const cookies = (rows: readonly JsonRow[]) => rows.map((row) => String(row.inet_diag_msg_socket_cookie)).sort();

function bytesOf(text: string, family: unknown): Address {
  if (family === 2) return text.split('.').map(Number);
  const mapped = /^::ffff:(.*)$/.exec(text)?.[1];
  if (mapped !== undefined && isIPv4(mapped)) return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...mapped.split('.').map(Number)];
  const [head = '', tail] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [before, after] = [words(head), words(tail ?? '')];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after].flatMap((word) => [word >> 8, word & 0xff]);
}

const subjectOf = (row: JsonRow): Subject => ({
  source: bytesOf(String(row.inet_diag_msg_socket_source), row.inet_diag_msg_family),
  destination: bytesOf(String(row.inet_diag_msg_socket_destination), row.inet_diag_msg_family),
  sourcePort: Number(row.inet_diag_msg_socket_source_port),
  destinationPort: Number(row.inet_diag_msg_socket_destination_port),
  interface: Number(row.inet_diag_msg_socket_interface),
  mark: Number(row.mark ?? 0),
  cgroup: BigInt(row.c_group ?? 0),
});

/** Expressions over what the sockets here have; a fixed seed, so that a failure comes again. */
function samples(rows: readonly JsonRow[], count: number, kinds: Values['kinds'], asSs: boolean): Expression[] {
  const subjects = rows.map(subjectOf);
  const addresses = [
    ...new Map(subjects.flatMap(({ source, destination }) => [source, destination]).map((one) => [one.join(), one])).values(),
  ];
  const ports = [...new Set(subjects.flatMap(({ sourcePort, destinationPort }) => [sourcePort, destinationPort]))];
  return fc.sample(expressions({ addresses, ports, kinds, asSs }), { numRuns: count, seed: 1 });
}

test('the kernel takes every program, and sends the sockets that the expression means', async () => {
  const { rows } = await read();
  expect(rows).toHaveLength(33);
  const sizes: number[] = [];
  for (const tree of samples(rows, 200, ['port', 'host', 'dev', 'mark', 'cgroup'], false)) {
    const filter = write(tree, () => 0);
    const wanted = rows.filter((row) => holds(tree, subjectOf(row)));
    const { rows: got } = await read({ filter });
    expect({ filter, cookies: cookies(got) }).toEqual({ filter, cookies: cookies(wanted) });
    sizes.push(got.length);
  }
  // Lists that are neither all nor nothing: those would agree for a filter that is ignored.
  expect(sizes.filter((size) => size > 0 && size < 33).length).toBeGreaterThan(30);
});

test('the kernel sends what ss shows for the same expression', async () => {
  const { rows } = await read();
  const bySs = (words: readonly string[]) =>
    execFileSync('ip', ['netns', 'exec', name, 'ss', '-HatneO', ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .flatMap((line) => / sk:([0-9a-f]+)/.exec(line)?.[1] ?? [])
      .map((cookie) => String(Number.parseInt(cookie, 16)))
      .sort();
  let partly = 0;
  for (const tree of samples(rows, 60, ['port', 'host', 'mark'], true)) {
    const words = writeForSs(tree);
    const { rows: got } = await read({ filter: words.join(' ') });
    expect({ words, cookies: cookies(got) }).toEqual({ words, cookies: bySs(words) });
    if (got.length > 0 && got.length < 33) partly++;
  }
  expect(partly).toBeGreaterThan(15);
  // Every port here was chosen by the kernel.
  for (const words of [['autobound'], ['!', 'autobound']])
    expect(cookies((await read({ filter: words.join(' ') })).rows)).toEqual(bySs(words));
});

test('a cgroup is named by its directory', async () => {
  const mount = /^\S+ (\S+) cgroup2 /m.exec(execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' }))?.[1];
  if (mount === undefined) {
    // A host of cgroup v1 alone: the id is all there is to say, and that is tried above.
    await expect(read({ filter: 'cgroup = /sys/fs/cgroup' })).rejects.toThrow(/no directory of a cgroup v2/);
    return;
  }
  const own = /^0::(.*)$/m.exec(execFileSync('cat', ['/proc/self/cgroup'], { encoding: 'utf8' }))?.[1] ?? '/';
  const { rows } = await read({ filter: `cgroup = ${mount}${own}` });
  expect(rows.length).toBeGreaterThan(0);
});

test('a wrong filter is refused at once, with its column', async () => {
  await expect(read({ filter: 'dport = :1 or' })).rejects.toThrow(/^column 14: expected sport, dport/);
});

describe('states', () => {
  test('only those asked for are sent', async () => {
    const all = (await read()).rows;
    const listening = (await read({ states: statesMask(['listening']) })).rows;
    const established = (await read({ states: statesMask(['established']) })).rows;
    expect([listening.length, established.length]).toEqual([3, 30]);
    expect(new Set(listening.map((row) => row.inet_diag_msg_state))).toEqual(new Set([10]));
    expect(cookies([...listening, ...established])).toEqual(cookies(all));
    expect(cookies((await read({ states: statesMask(['!listening']) })).rows)).toEqual(cookies(established));
  });
});

describe('a sample', () => {
  test('keeps the same sockets in every poll, and each of a finer one is in the coarser', async () => {
    const all = (await read()).rows;
    const [once, again] = [await read({ sample: 4 }), await read({ sample: 4 })];
    expect(cookies(again.rows)).toEqual(cookies(once.rows));
    expect(once.rows.length).toBeGreaterThan(0);
    expect(once.rows.length).toBeLessThan(20);
    expect(once.sampledOut).toBe(33 - once.rows.length);
    const finer = (await read({ sample: 8 })).rows;
    expect(cookies(once.rows)).toEqual(expect.arrayContaining(cookies(finer)));
    expect(cookies(all)).toEqual(expect.arrayContaining(cookies(once.rows)));
  });
});
