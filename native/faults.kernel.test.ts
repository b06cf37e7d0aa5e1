/** What the kernel rarely does, done at will by a shim; and what the planted faults do. Each in a process of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { addonPath } from './index.js';
import type { JsonRow } from './ss-text.js';
import { pathOf, TestNamespaces } from './test-namespaces.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const mutantBuild = `${folder}build/netsoak-mutants.node`;
/** 6 ends of 40 connections and 3 listeners: five receives. */
const SOCKETS = 243;
const SMALL = 9;

interface Poll {
  readonly pollId: string;
  readonly envelopes: number;
  readonly duplicates: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly skippedEmpty: number;
  readonly results: readonly {
    status: string;
    step: string;
    errno: number;
    rows: number;
    interrupted: boolean;
    cookie: string;
    detail?: string;
  }[];
  readonly rows: readonly JsonRow[];
  readonly threads: number;
  readonly descriptors: number;
  readonly rss: number;
}

const namespaces = new TestNamespaces();
let scratch: string;
let big: string;
let small: string[];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'soaktest-'));
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', join(scratch, 'shim.so'), join(folder, 'test-shim.c'), '-ldl']);
  execFileSync('make', ['-C', folder, 'mutants'], { stdio: 'ignore' });
  const names = namespaces.addMany(9);
  big = names[0] as string;
  small = names.slice(1);
  await Promise.all([namespaces.connect(big, 40), ...small.map((name) => namespaces.connect(name, 1))]);
}, 60_000);
vi.setConfig({ testTimeout: 60_000 });
afterAll(async () => {
  await namespaces.release();
  rmSync(scratch, { recursive: true });
});

interface Settings {
  readonly names: readonly string[];
  readonly polls?: number;
  readonly workers?: number;
  readonly flushRows?: number;
  readonly askFirst?: boolean;
}

function run(
  addon: string,
  { names, ...rest }: Settings,
  environment: Record<string, string>,
): { polls: Poll[]; status: number | null; signal: string | null } {
  const settings = JSON.stringify({ paths: names.map(pathOf), ...rest });
  const ran = spawnSync(process.execPath, [join(folder, 'test-poller.cjs'), addon, settings], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 1 << 28,
    // For one that hangs; a busy machine takes seconds.
    timeout: 15_000,
  });
  const polls = ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Poll]));
  return { polls, status: ran.status, signal: ran.signal };
}

/** One poll, one worker, the kernel bent by the shim. */
function bent(shim: string, settings: Partial<Settings> = {}): Poll {
  const { polls, status } = run(addonPath(), { names: [big], ...settings }, { LD_PRELOAD: join(scratch, 'shim.so'), NETSHIM: shim });
  expect({ polls: polls.length, status }).toEqual({ polls: 1, status: 0 });
  return polls[0] as Poll;
}

const cookies = (rows: readonly JsonRow[]) => rows.map((row) => `${row.netns_cookie} ${row.inet_diag_msg_socket_cookie}`);
const distinct = (values: readonly unknown[]) => new Set(values).size;
const whole = { status: 'ok', step: '', errno: 0, rows: SOCKETS, interrupted: false };

describe('a dump', () => {
  test('that the kernel leaves alone is whole', () => {
    const { results, rows } = bent('');
    expect(results).toMatchObject([whole]);
    expect(distinct(cookies(rows))).toBe(SOCKETS);
  });

  test.each(['intr@1', 'intr@3', 'enobufs@1', 'enobufs@3', 'trunc@2', 'cut@2'])(
    'bent once (%s) is asked for again, and no socket told twice',
    (shim) => {
      const { results, rows } = bent(shim);
      expect(results).toMatchObject([whole]);
      expect(rows).toHaveLength(SOCKETS);
      expect(distinct(cookies(rows))).toBe(SOCKETS);
      expect(rows.every((row) => row.dump_interrupted === 0)).toBe(true);
    },
  );

  test('interrupted again and again is told once, and marked', () => {
    const { results, rows } = bent('intr@*');
    expect(results).toMatchObject([{ ...whole, interrupted: true }]);
    expect(distinct(cookies(rows))).toBe(SOCKETS);
    expect(rows.every((row) => row.dump_interrupted === 1)).toBe(true);
  });

  test('interrupted when rows of it are out already is not repeated: the rest is marked, each socket told once', () => {
    const { results, rows } = bent('intr@4', { flushRows: 50 });
    expect(results).toMatchObject([{ ...whole, interrupted: true }]);
    expect(distinct(cookies(rows))).toBe(SOCKETS);
    const marked = rows.filter((row) => row.dump_interrupted === 1).length;
    expect(marked).toBeGreaterThan(0);
    expect(marked).toBeLessThan(SOCKETS);
  });

  test.each([
    ['enobufs@*', 'recv', 105],
    ['trunc@*', 'recv', 90],
    ['cut@*', 'recv', 74],
    ['error@*', 'netlink', 13],
    ['done@2', 'netlink', 90],
    ['silent@2', 'recv', 110],
  ])('that fails for good (%s) says so at step %s', (shim, step, errno) => {
    const { results, rows } = bent(shim, { names: [big] });
    expect(results[0]).toMatchObject({ status: errno === 13 ? 'denied' : 'error', step, errno, rows: rows.length });
    expect(rows.length).toBeLessThan(SOCKETS);
    expect(distinct(cookies(rows))).toBe(rows.length);
  });

  test('refused by the kernel hands on what the kernel says', () => {
    expect(bent('error@1').results[0]?.detail).toBe('the shim says no');
    expect(bent('done@1').results[0]?.detail).toBe('the shim says no');
  });

  test.each(['late@1', 'late@3', 'stranger@2'])('takes nothing from a late reply or a stranger (%s)', (shim) => {
    const { results, rows, duplicates } = bent(shim);
    expect(results).toMatchObject([whole]);
    expect(distinct(cookies(rows))).toBe(SOCKETS);
    expect(duplicates).toBe(0);
  });

  test.each([
    ['', {}],
    ['intr@1', { interrupted: 1 }],
    ['intr@*', { interrupted: 2 }],
    ['enobufs@2', { lost: 1 }],
    ['enobufs@*', { lost: 2 }],
    ['trunc@2', { truncated: 1 }],
    ['cut@2', { malformed: 1 }],
    ['silent@2', { silent: 2 }],
    ['error@1', { refused: 1 }],
    ['stranger@2', { stranger: 1 }],
  ])('bent (%s) is counted, also when a second one made it good', (shim, faults) => {
    expect(bent(shim).faults).toEqual(faults);
  });

  test('with late replies counts each message of them', () => {
    const { faults } = bent('late@3');
    expect(Object.keys(faults)).toEqual(['late']);
    expect(faults.late).toBeGreaterThan(1);
  });

  test('that fails leaves the next namespaces alone', () => {
    const { results } = bent('error@1', { names: [big, ...small] });
    expect(results.map(({ status, rows }) => ({ status, rows }))).toEqual([
      { status: 'denied', rows: 0 },
      ...small.map(() => ({ status: 'ok', rows: SMALL })),
    ]);
  });
});

test('a thread that cannot return to its own namespace is replaced, and reads no other one as its own', () => {
  // One worker, which goes home at the end of a poll: nine calls of setns. The way home fails after the first poll and after the second.
  const own = '../../proc/self/ns/net';
  const shim = { LD_PRELOAD: join(scratch, 'shim.so'), NETSHIM: `home@${small.length + 1},home@${2 * small.length + 2}` };
  const { polls, status } = run(addonPath(), { names: [own, ...small], polls: 3 }, shim);
  expect({ polls: polls.length, status }).toEqual({ polls: 3, status: 0 });
  const least = bent('', { names: small }).threads;
  for (const { results, rows, threads } of polls) {
    expect(results.slice(1).map(({ status: how, rows: count }) => ({ how, count }))).toEqual(
      small.map(() => ({ how: 'ok', count: SMALL })),
    );
    expect(results[0]?.status).toBe('ok');
    expect(distinct(results.map(({ cookie }) => cookie))).toBe(1 + small.length);
    for (const [index, name] of [own, ...small].entries()) {
      const found = rows.filter((row) => row.netns === pathOf(name));
      expect(found.map((row) => row.netns_cookie)).toEqual(found.map(() => results[index]?.cookie));
    }
    expect(threads).toBe(least);
  }
});

test('without netns cookies (before Linux 5.14) rows carry the generation of their namespace, and else never', () => {
  const old = bent('nocookie@*', { names: small });
  expect(distinct(old.rows.map((row) => `${row.netns} ${row.netns_generation}`))).toBe(small.length);
  expect(distinct(old.rows.map((row) => row.netns_generation))).toBe(small.length);
  expect(old.rows.every((row) => row.netns_cookie === undefined)).toBe(true);
  expect(bent('', { names: small }).rows.every((row) => row.netns_generation === undefined && row.netns_cookie !== undefined)).toBe(true);
});

test('a namespace without TCP sockets is not dumped when it is asked first; one with any kind of socket is', () => {
  const empty = namespaces.add();
  const asked = bent('', { names: [empty, ...small], askFirst: true });
  expect(asked.skippedEmpty).toBe(1);
  expect(asked.results.map(({ status, rows }) => ({ status, rows }))).toEqual([
    { status: 'ok', rows: 0 },
    ...small.map(() => ({ status: 'ok', rows: SMALL })),
  ]);
  expect(bent('', { names: [empty] }).skippedEmpty).toBe(0);
});

test('a namespace that cannot be entered is denied, and nothing read under its name', () => {
  const { results, rows } = bent('home@1', { names: small });
  expect(results[0]).toMatchObject({ status: 'denied', step: 'setns', errno: 1, rows: 0 });
  expect(rows.some((row) => row.netns === pathOf(small[0] as string))).toBe(false);
  expect(results.slice(1).every(({ status }) => status === 'ok')).toBe(true);
});

describe('planted fault', () => {
  const POLLS = 8;
  const planted = (mutant: string, settings: Partial<Settings> = {}, environment: Record<string, string> = {}) =>
    run(mutantBuild, { names: [big, ...small], polls: POLLS, ...settings }, { NETSOAK_MUTANT: mutant, ...environment });
  let soundRun: readonly Poll[] | undefined;
  /** What the same polls give without a fault. */
  const sound = () => {
    soundRun ??= planted('').polls;
    return soundRun;
  };
  const last = (polls: readonly Poll[]) => polls.at(-1) as Poll;
  const all = SOCKETS + 8 * SMALL;

  test('none: the mutant build is sound without one', () => {
    const { polls, status } = planted('');
    expect(status).toBe(0);
    for (const poll of polls) expect(distinct(cookies(poll.rows))).toBe(all);
    expect(last(polls).threads).toBe(polls[0]?.threads);
    expect(last(polls).descriptors).toBe(polls[1]?.descriptors);
  });

  test.each(['thread-leak', 'blocking-readers'])('%s: a thread for each namespace', (mutant) => {
    expect(last(planted(mutant).polls).threads).toBe(last(sound()).threads + 9);
  });

  test('fd-leak: a descriptor a poll', () => {
    const { polls } = planted('fd-leak');
    // Node opens one of its own after the first.
    expect(last(polls).descriptors - (polls[1] as Poll).descriptors).toBe(POLLS - 2);
  });

  test('pinned-namespaces: a descriptor on each namespace', () => {
    expect(last(planted('pinned-namespaces').polls).descriptors).toBe(last(sound()).descriptors + 9);
  });

  test('memory-leak: grows at the rate asked for', () => {
    const { polls } = planted('memory-leak', { polls: 20 }, { NETSOAK_MUTANT_RATE: '8192' });
    expect(last(polls).rss - (polls[4] as Poll).rss).toBeGreaterThan(15 * 8192 * 1024 * 0.7);
  });

  test('crash and crash-clean-exit: the process ends after some polls', () => {
    const end = ({ polls, signal, status }: ReturnType<typeof planted>) => ({ polls: polls.length, signal, status });
    expect(end(planted('crash'))).toEqual({ polls: 5, signal: 'SIGSEGV', status: null });
    expect(end(planted('crash-clean-exit'))).toEqual({ polls: 5, signal: null, status: 0 });
  });

  test('drop-after-flush: rows after the first envelope of a poll are missing', () => {
    const { polls } = planted('drop-after-flush', { flushRows: 100 });
    expect(polls.map(({ rows }) => rows.length)).toEqual(Array(POLLS).fill(100));
  });

  test('aliased-addresses: rows with the addresses of another socket', () => {
    const ends = (rows: readonly JsonRow[]) =>
      Object.fromEntries(rows.map((row) => [row.inet_diag_msg_inode, row.inet_diag_msg_socket_source_port]));
    expect(ends(last(planted('aliased-addresses').polls).rows)).not.toEqual(ends(last(sound()).rows));
  });

  test('ipv4-only: no IPv6', () => {
    expect(distinct(last(planted('ipv4-only').polls).rows.map((row) => row.inet_diag_msg_family))).toBe(1);
  });

  test('wrong-namespace: sockets under a name that is not theirs', () => {
    const named = new Map(last(sound()).rows.map((row) => [row.inet_diag_msg_socket_cookie, row.netns]));
    const wrong = last(planted('wrong-namespace').polls).rows.filter((row) => named.get(row.inet_diag_msg_socket_cookie) !== row.netns);
    expect(wrong.length).toBeGreaterThan(0);
  });

  test('duplicate-rows: some twice', () => {
    const { rows } = last(planted('duplicate-rows').polls);
    expect(rows.length).toBeGreaterThan(distinct(cookies(rows)));
  });

  test('frozen-timestamps: one time for all', () => {
    expect(distinct(planted('frozen-timestamps').polls.flatMap(({ rows }) => rows.map((row) => row.timestamp_ns)))).toBe(1);
  });

  test('stale-rows: what was is told as what is', () => {
    const { polls } = planted('stale-rows');
    const ages = (poll: Poll) => poll.rows.map((row) => row.tcp_info_last_ack_recv);
    expect(ages(polls[5] as Poll)).toEqual(ages(polls[2] as Poll));
    expect(ages(polls[7] as Poll)).toEqual(ages(polls[2] as Poll));
  });

  test('drop-one-in-10000: a row is missing now and then', () => {
    const { polls } = planted('drop-one-in-10000', { polls: 32 });
    // 32 polls of 315 rows pass the ten thousandth once.
    expect(polls.filter(({ rows }) => rows.length === all - 1)).toHaveLength(1);
  });

  test('slow-polls: from the middle of the run on a poll computes for long', () => {
    const { polls } = planted('slow-polls', { names: small, polls: 7 }, { NETSOAK_MUTANT_RATE: '1000' });
    const began = polls.map(({ pollId }) => Number(pollId) / 1e9);
    const gaps = began.slice(1).map((at, i) => at - (began[i] ?? at));
    expect(gaps).toHaveLength(6);
    expect(gaps.indexOf(Math.max(...gaps))).toBe(5);
    expect(gaps[5]).toBeGreaterThan(0.99);
  });

  test('swapped-addresses: a row with its two ends the wrong way round now and then', () => {
    const own = new Map(last(sound()).rows.map((row) => [row.inet_diag_msg_socket_cookie, row.inet_diag_msg_socket_source_port]));
    const { polls } = planted('swapped-addresses');
    const wrong = polls.flatMap(({ rows }) =>
      rows.filter((row) => own.get(row.inet_diag_msg_socket_cookie) !== row.inet_diag_msg_socket_source_port),
    );
    // Eight polls of 315 rows pass the thousandth twice.
    expect(wrong).toHaveLength(2);
  });

  test('frozen-reader: polls stop and the process stays', () => {
    const { polls, signal } = planted('frozen-reader', { names: small });
    expect({ polls: polls.length, signal }).toEqual({ polls: 5, signal: 'SIGTERM' });
  });
});
