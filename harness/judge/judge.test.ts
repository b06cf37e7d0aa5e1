import { expect, test } from 'vitest';
import { SERIES_OF } from './checks.js';
import { at, broken, finished, measuredTarget, OFFENCES, poll } from './fixture.js';
import type { JudgeRow } from './row.js';

test('a faultless reader breaks nothing, and every poll is reported with all its series', () => {
  const target = measuredTarget();
  poll(target, 2, 11);
  finished(target, 13);
  expect(broken(target)).toEqual([]);
  expect(target.values('poll.rows')).toEqual(Array(10).fill(27));
  expect(target.values('poll.expected')).toEqual(Array(10).fill(27));
  // With a poll come its own rows and those before it, of the next none, and the last word once more.
  expect(target.values('rows.total')).toEqual([...Array.from({ length: 10 }, (_, i) => 27 * (i + 1)), 270]);
  expect(target.values('polls.total')).toEqual([...Array.from({ length: 10 }, (_, i) => i + 1), 10]);
  for (const name of OFFENCES) expect(target.values(name)).toHaveLength(10);
  expect(target.events('offence')).toEqual([]);
  expect(target.outputs.at(-1)).toEqual({
    event: { kind: 'judge-end', polls: 10, rows: 270, detail: '10 polls judged, 0 outside the measured phase, 0 torn; no offence' },
  });
});

type Spoil = (rows: JudgeRow[]) => readonly JudgeRow[];

function change(match: (row: JudgeRow) => boolean, edit: (row: JudgeRow, rows: readonly JudgeRow[]) => Partial<JudgeRow>): Spoil {
  return (rows) => rows.map((row) => (match(row) ? { ...row, ...edit(row, rows) } : row));
}

const inSpace = (name: string) => (row: JudgeRow) => row.name === name;
const established = (row: JudgeRow) => row.state === 1;

const FAULTS: readonly (readonly [what: string, invariant: keyof typeof SERIES_OF, spoil: Spoil, times: number])[] = [
  ['the last rows of a poll are lost', 'completeness', (rows) => rows.slice(0, -5), 5],
  ['every IPv6 row is lost', 'completeness', (rows) => rows.filter((row) => row.family === 2), 6],
  ['a namespace is left out', 'completeness', (rows) => rows.filter((row) => row.name !== 'st-1'), 9],
  ['a row is sent twice', 'no-duplicates', (rows) => [...rows, ...rows.slice(3, 5)], 2],
  ['a host socket is sent twice', 'no-duplicates', (rows) => [...rows, ...Array(3).fill(hostRow(rows))], 2],
  [
    "addresses are another socket's",
    'addresses',
    change(established, (_, rows) => ({ src: rows[1]?.src ?? '', dst: rows[1]?.dst ?? '', family: rows[1]?.family ?? 0 })),
    23,
  ],
  [
    'source and destination are swapped',
    'addresses',
    change(
      (r) => r.cookie === 101,
      (r) => ({ src: r.dst, dst: r.src }),
    ),
    1,
  ],
  [
    'an address is cut to four bytes',
    'addresses',
    change(
      (r) => r.cookie === 101,
      (r) => ({ src: r.src.slice(0, 4) }),
    ),
    1,
  ],
  [
    'a port is in the wrong byte order',
    'addresses',
    change(
      (r) => r.cookie === 101,
      () => ({ sport: 0x1027 }),
    ),
    1,
  ],
  ['a namespace has the name of another', 'attribution', change(inSpace('st-1'), () => ({ name: 'st-0' })), 9],
  ['a namespace has the inode of another', 'attribution', change(inSpace('st-1'), () => ({ inode: 4_026_532_001 })), 9],
  [
    'a namespace is wholly filed as another',
    'attribution',
    change(inSpace('st-1'), () => ({ name: 'st-0', inode: 4_026_532_001, netns: 4001 })),
    9,
  ],
  ['host sockets are filed under a steady name', 'no-foreign-rows', (rows) => [...rows, { ...hostRow(rows), name: 'st-2' }], 1],
  [
    'host sockets are filed under a steady namespace in every respect',
    'no-foreign-rows',
    (rows) => [...rows, { ...hostRow(rows), name: 'st-2', inode: 4_026_532_003, netns: 4003 }],
    1,
  ],
  [
    'bytes received are those of a neighbour',
    'values',
    change(
      (r) => r.cookie === 101,
      (r) => ({ received: r.received + 1 }),
    ),
    1,
  ],
  ...(
    [
      ['the owner is a neighbour', { uid: 0 }],
      ['the inode is a neighbour', { socketInode: 4711 }],
      ['the congestion control is forgotten', { congestion: '' }],
      ['bytes that nobody reads are not told', { receiveQueue: 999 }],
      ['bytes are said to wait that do not', { sendQueue: 1 }],
      ['bytes sent are not told', { sent: 0 }],
      ['the state of tcp_info is another', { infoState: 7 }],
      ['the round trip is a constant', { rtt: 1 }],
      ['the segment size is a constant', { sndMss: 1460 }],
      ['the path MTU is a constant', { pmtu: 1500 }],
      ['the window is a constant', { sndCwnd: 1 }],
      ['segments are counted the wrong way round', { dataSegsIn: 2, dataSegsOut: 3 }],
      ['the host has no name', { hostname: '' }],
      ['the host is another one', { hostname: 'db1' }],
    ] as const
  ).map(([what, edit]): (typeof FAULTS)[number] => [
    what,
    'values',
    change(
      (r) => r.cookie === 102,
      () => edit,
    ),
    1,
  ]),
  [
    'bytes acked are 0',
    'values',
    change(
      (r) => r.cookie === 101,
      () => ({ acked: 0 }),
    ),
    1,
  ],
  [
    'a listener is said to be connected',
    'values',
    change(
      (r) => r.state === 10,
      () => ({ state: 1 }),
    ),
    3,
  ],
  ['rows are stamped before their poll', 'freshness', change(inSpace('st-0'), () => ({ offsetNs: -1 })), 9],
  ['rows are stamped in the future', 'freshness', change(inSpace('st-0'), () => ({ offsetNs: 60e9 })), 9],
  [
    'pulse counters are a round behind',
    'freshness',
    change(
      (r) => r.received > 2000,
      (r) => ({ received: r.received - 1000 }),
    ),
    3,
  ],
];

function hostRow(rows: readonly JudgeRow[]): JudgeRow {
  return { ...(rows[1] as JudgeRow), cookie: 77, netns: 1, inode: 4_026_531_840, name: 'host', sport: 22 };
}

test.each(FAULTS)('%s: only %s is broken', (_, invariant, spoil, times) => {
  const target = measuredTarget();
  poll(target, 2, 8, (rows, seconds) => (seconds === 5 ? spoil(rows) : rows));
  finished(target, 10);
  expect(broken(target)).toEqual([SERIES_OF[invariant]]);
  expect(target.sum(SERIES_OF[invariant])).toBe(times);
  expect(target.events('offence')).toHaveLength(Math.min(20, times));
  expect(target.events('offence')[0]).toMatchObject({ invariant, poll: at(5) });
});

test.each([
  ['that was held on its way may have begun long ago', 'held', 180, 0],
  ['that was held on its way has not begun ahead of us', 'held', -120, 1],
  ['that comes at once has begun just now', 'live', 180, 1],
] as const)('a poll %s', (_, way, lateBy, offences) => {
  const target = measuredTarget();
  target.judge.rows(1, target.rows(200), 200.1 + lateBy, way);
  target.judge.tick(204 + lateBy);
  expect(target.events('offence').filter(({ detail }) => String(detail).includes("away from the target's clock"))).toHaveLength(offences);
});

test('a missing row is told with the socket that it should have shown', () => {
  const target = measuredTarget();
  poll(target, 2, 4, (rows, seconds) => (seconds === 3 ? rows.filter((row) => row.cookie !== 101) : rows));
  finished(target, 6);
  expect(target.events('offence')).toEqual([
    {
      kind: 'offence',
      invariant: 'completeness',
      poll: at(3),
      detail: 'socket 101 (10.0.10.1 40010 -> 10.0.10.2 10000) of st-0 is not in this poll of 26 rows',
      expected: {
        netns: 'st-0',
        socket_cookie: '101',
        family: '2',
        state: '1',
        source: '10.0.10.1 40010',
        destination: '10.0.10.2 10000',
        sent: '1010',
        received: '510',
        unread: '0',
        uid: '10102',
        inode: '700102',
        congestion: 'reno',
        rtt: '13',
        snd_mss: '21990',
        pmtu: '65638',
        snd_cwnd: '14',
        data_segs_in: '3',
        data_segs_out: '2',
      },
    },
  ]);
});

const halfSockets = (one: JudgeRow): JudgeRow[] => [
  { ...one, cookie: 900, state: 6, received: 0 },
  { ...one, cookie: 901, state: 3 },
  { ...one, cookie: 0, state: 7, sport: 0 },
  { ...one, cookie: 0, state: 7, sport: 0 },
];

test('rows of an invented namespace give themselves away by the addresses that they copy', () => {
  const target = measuredTarget();
  poll(target, 2, 3, (rows) => [
    ...rows,
    ...rows
      .slice(0, 5)
      .map((row) => ({ ...row, cookie: Number(row.cookie) + 90_000, netns: 777_777, inode: 4_026_999_999, name: 'phantom' })),
  ]);
  finished(target, 6);
  // The listener's addresses are everybody's.
  expect(target.values('poll.foreign')).toEqual([4, 4]);
  expect(target.events('offence')[0]?.detail).toMatch(
    /^a row of phantom \(cookie 777777\), which the load never made, has the addresses of socket/,
  );
});

test('rows of other namespaces and sockets that are closing or being made are nobody’s fault', () => {
  const target = measuredTarget();
  target.space('ch-0', 'churn', 1.5);
  poll(target, 2, 5, (rows) => [...rows, hostRow(rows), ...halfSockets(rows.find((row) => row.name === 'ch-0') as JudgeRow)]);
  expect(broken(finished(target, 7))).toEqual([]);
});

test('a steady namespace, where nothing opens or closes, shows no such sockets', () => {
  const target = measuredTarget();
  poll(target, 2, 5, (rows) => [...rows, ...halfSockets(rows[1] as JudgeRow)]);
  expect(broken(finished(target, 7))).toEqual(['poll.foreign']);
  expect(target.sum('poll.foreign')).toBe(16);
});

test('only polls that began inside the measured phase are reported', () => {
  const target = measuredTarget();
  target.judge.measure('begin', 3.5);
  const lossy = (rows: JudgeRow[], seconds: number) => (seconds < 3.5 || seconds > 6.5 ? rows.slice(4) : rows);
  poll(target, 2, 6, lossy);
  target.judge.measure('end', 6.5);
  poll(target, 7, 9, lossy);
  finished(target, 11);
  expect(target.values('poll.rows')).toHaveLength(3);
  expect(broken(target)).toEqual([]);
  expect(target.events('judge-end')[0]).toMatchObject({ polls: 3, detail: expect.stringContaining('5 outside') });
});

test('a poll is judged only when the ledger has told of its end, so a row may come before its line', () => {
  const target = measuredTarget();
  target.send(target.rows(2), 2);
  target.send(target.rows(3), 3);
  expect(target.values('poll.rows')).toEqual([]);
  target.count(3.5);
  target.judge.tick(3.6);
  expect(target.values('poll.rows')).toEqual([27]);
});

test('sockets of a growing population are expected from the poll after they were announced as ready', () => {
  const target = measuredTarget();
  poll(target, 2, 3);
  target.space('st-3', 'steady', 3.6);
  poll(target, 4, 4, (rows) => rows.filter((row) => row.name !== 'st-3'));
  target.ready(4.5);
  poll(target, 5, 6);
  finished(target, 8);
  expect(target.values('poll.expected')).toEqual([27, 27, 27, 36, 36]);
  expect(broken(target)).toEqual([]);
});

test('the last poll of a start may be torn: counted, not held against it', () => {
  const target = measuredTarget();
  poll(target, 2, 4, (rows, seconds) => (seconds === 4 ? rows.slice(0, 5) : rows));
  target.judge.endOfStart(1, 12);
  target.send(target.rows(6), 6, 2);
  finished(target, 8);
  expect(broken(target)).toEqual([]);
  expect(target.values('rows.torn').at(-1)).toBe(1);
  expect(target.values('rows.tornFrames').at(-1)).toBe(1);
  expect(target.values('poll.rows')).toEqual([27, 27, 5, 27]);
});

test.each([
  ['in order', 1, 22],
  ['killed', 0, 0],
] as const)('a life that ended %s excuses nothing or all of its last poll', (how, offences, missing) => {
  const target = measuredTarget();
  poll(target, 2, 4, (rows, seconds) => (seconds === 4 ? rows.slice(0, 5) : rows));
  target.judge.endOfStart(1, 0);
  target.count(6);
  target.judge.tick(6);
  expect(target.values('poll.rows')).toEqual([27, 27]);
  target.judge.ended(1, how);
  target.judge.tick(6);
  expect(target.values('poll.rows')).toEqual([27, 27, 5]);
  finished(target, 8);
  expect(target.sum('poll.missing')).toBe(missing);
  expect(target.events('offence').length > 0).toBe(offences > 0);
});

test.each([
  ['closed', 'in order', 1],
  ['closed', 'killed', 0],
  ['lost', 'in order', 0],
] as const)('an envelope that was cut, in a stream that was %s, by a life that ended %s', (stream, how, offences) => {
  const target = measuredTarget();
  poll(target, 2, 4);
  target.judge.endOfStart(1, 12, stream);
  target.judge.ended(1, how);
  finished(target, 8);
  expect(target.sum('poll.missing')).toBe(offences);
  expect(target.outputs.filter((o) => 'series' in o && o.ofPhase)).toHaveLength(offences);
});

test('a poll left out is late, and the gap before it is told', () => {
  const target = measuredTarget();
  poll(target, 2, 4);
  poll(target, 7, 8);
  finished(target, 10);
  expect(target.values('poll.late')).toEqual([0, 0, 0, 2, 0]);
  expect(Math.max(...target.values('poll.gapSeconds'))).toBe(3);
});

test('a reader that fell silent is noticed while it is silent, and its gap is told once', () => {
  const target = measuredTarget();
  poll(target, 2, 4);
  for (let now = 4.5; now <= 12; now += 0.25) target.judge.tick(now);
  expect(target.events('note')).toHaveLength(1);
  target.count(12);
  target.judge.measure('end', 12);
  finished(target, 13);
  expect(target.values('poll.gapSeconds').filter((gap) => gap > 1.5)).toEqual([expect.closeTo(8, 0)]);
  expect(target.outputs.filter((o) => 'series' in o && o.ofPhase)).toHaveLength(1);
});

test('two polls left out in thirty are two samples of a longer gap', () => {
  const target = measuredTarget();
  for (const [from, to] of [
    [2, 9],
    [11, 20],
    [22, 32],
  ] as const) {
    poll(target, from, to);
    target.judge.tick(to + 2.15);
  }
  finished(target, 34);
  expect(target.values('poll.gapSeconds').filter((gap) => gap > 1.5)).toEqual([2, 2]);
});

test('a reader that repeats an old poll is stale', () => {
  const target = measuredTarget();
  const old = target.rows(2);
  poll(target, 2, 5);
  target.send(old, 6);
  poll(target, 7, 8);
  finished(target, 10);
  expect(broken(target)).toEqual(['poll.stale']);
  expect(target.sum('poll.stale')).toBe(27);
});

test('rows of a namespace that was closed before the poll are ghosts', () => {
  const target = measuredTarget();
  target.space('ch-0', 'churn', 1.5);
  poll(target, 2, 3);
  target.remove('ch-0', 3.5);
  poll(target, 4, 5);
  finished(target, 7);
  expect(broken(target)).toEqual(['poll.stale']);
  // Listener, three connections with two ends, in two polls.
  expect(target.sum('poll.stale')).toBe(14);
});

test('output that is no protobuf is an offence against completeness', () => {
  const target = measuredTarget();
  target.judge.unreadable(1, 'no length of an envelope at byte 0');
  expect(target.sum('poll.missing')).toBe(1);
  expect(target.events('offence')).toHaveLength(1);
});

test('the counts of the load are series', () => {
  const target = measuredTarget();
  const count = { churnEvents: 7, adds: 4, deletes: 3, namespaces: 5, sockets: 50, lateEvents: 1, at: at(6) };
  target.tell({ kind: 'count', ...count }, 6);
  for (const name of ['churnEvents', 'adds', 'deletes', 'namespaces', 'sockets', 'lateEvents'] as const) {
    expect(target.values(`load.${name}`)).toEqual([count[name]]);
  }
  expect(target.values('load.steadyNamespaces')).toEqual([3]);
});

test.each<[what: string, state: number, spoil: Spoil, broken: readonly string[]]>([
  ['is as whole as any other', 5, (rows) => rows, []],
  ['is in every poll', 5, (rows) => rows.filter(({ state }) => state === 1 || state === 10), ['poll.missing']],
  [
    'has its own state',
    8,
    change(
      ({ state }) => state === 8,
      () => ({ state: 1 }),
    ),
    ['poll.wrongValues'],
  ],
  [
    'has its own owner',
    5,
    change(
      ({ state }) => state === 5,
      () => ({ uid: 0 }),
    ),
    ['poll.wrongValues'],
  ],
  [
    'has its own counters',
    8,
    change(
      ({ state }) => state === 8,
      ({ received }) => ({ received: received - 1 }),
    ),
    ['poll.wrongValues'],
  ],
])('a half-closed connection of a steady namespace %s', (_, state, spoil, offences) => {
  const target = measuredTarget();
  target.halfClosed('st-1', 1.2);
  target.ready(1.5);
  expect(target.rows(2).filter((row) => row.state === state)).toHaveLength(1);
  poll(target, 2, 5, spoil);
  expect(broken(finished(target, 7))).toEqual(offences);
});

test.each<[what: string, spoil: Spoil, broken: readonly string[]]>([
  ['may have any name, and sockets of anybody', (rows) => [...rows, { ...(rows.at(-1) as JudgeRow), cookie: 9_999, sport: 22 }], []],
  ['is in every poll', (rows) => rows.filter(({ name }) => name !== 'host'), ['poll.missing']],
  ['has its own inode', change(inSpace('host'), () => ({ inode: 4_026_532_001 })), ['poll.misattributed']],
])("the subject's own namespace %s", (_, spoil, offences) => {
  for (const cookies of [true, false]) {
    const target = measuredTarget(cookies);
    target.space('', 'home', 1.2);
    target.ready(1.5);
    const calledHost = change(inSpace(''), () => ({ name: 'host', container: 'c0ffee' }));
    poll(target, 2, 5, (rows) => spoil([...calledHost(rows)]));
    expect(broken(finished(target, 7)), `cookies ${cookies}`).toEqual(offences);
  }
});

test("a row without its container's id is filed wrongly", () => {
  const target = measuredTarget();
  poll(target, 2, 4, (rows) => rows.map((row) => (row.cookie === 102 ? { ...row, container: 'c0ffee' } : row)));
  finished(target, 6);
  expect(broken(target)).toEqual(['poll.misattributed']);
});

test.each([
  ['live', 1],
  ['held', 0],
] as const)('a poll that began two minutes ago is off the clock when its rows come %s', (way, offences) => {
  const target = measuredTarget();
  target.count(130);
  target.judge.rows(1, target.rows(2), 130, way);
  target.judge.tick(134);
  const off = target.events('offence').filter(({ detail }) => String(detail).includes("away from the target's clock"));
  expect(off).toHaveLength(offences);
});

test.each([
  ['live', 12],
  ['held', 2],
] as const)('the figures of a poll that began at 2 s, whose rows come %s ten seconds later, are stamped %s s', (way, moment) => {
  const target = measuredTarget();
  target.count(12);
  target.judge.rows(1, target.rows(2), 12, way);
  finished(target, 20);
  const told = target.outputs.flatMap((o) => ('series' in o && o.series['poll.rows'] !== undefined ? [20 - (o.ageSeconds ?? 0)] : []));
  expect(told.map(Math.round)).toEqual([moment]);
});

test('another start may have another host name', () => {
  const target = measuredTarget();
  poll(target, 2, 3);
  target.judge.endOfStart(1, 0);
  for (const seconds of [4, 5]) {
    target.count(seconds);
    const renamed = target.rows(seconds).map((row) => ({ ...row, hostname: 'web2' }));
    target.send(renamed, seconds, 2);
  }
  expect(broken(finished(target, 8))).toEqual([]);
});
