import { expect, test } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import type { LedgerLine } from '../facts/ledger.js';
import { addressKey } from './address.js';
import { BriefCoverage } from './brief-coverage.js';
import type { JudgeRow } from './row.js';

type SocketLine = Extract<LedgerLine, { kind: 'socket' }>;

const NETNS = 77;
/** All that was closed is owed. */
const END = { owedUntilNs: Number.POSITIVE_INFINITY };

function line(serial: number): SocketLine {
  return {
    kind: 'socket',
    name: 'soak-bf-0',
    netns: String(NETNS),
    cookie: String(1000 + serial),
    role: 'brief',
    end: serial % 2 === 0 ? 'client' : 'server',
    family: 4,
    src: `10.0.0.${serial}`,
    sport: 40_000 + serial,
    dst: '10.0.1.1',
    dport: 9000,
    sent: String(100 + serial),
    received: String(200 + serial),
    unread: 0,
    uid: 0,
    inode: 1,
    congestion: 'cubic',
    at: '0',
  };
}

/** The final row that a faultless collector sends of it. */
function row(of: SocketLine, over: Partial<JudgeRow> = {}): JudgeRow {
  return {
    poll: '0',
    offsetNs: 0,
    cookie: Number(of.cookie),
    netns: NETNS,
    generation: 0,
    inode: 1,
    name: of.name,
    container: '',
    hostname: 'web1',
    family: 2,
    state: 7,
    infoState: 7,
    sport: of.sport,
    dport: of.dport,
    uid: 0,
    socketInode: 0,
    congestion: 'cubic',
    receiveQueue: 0,
    sendQueue: 0,
    src: addressKey(of.src),
    dst: addressKey(of.dst),
    sent: Number(of.sent),
    received: Number(of.received) + 1,
    acked: Number(of.sent) + 2,
    rtt: 20,
    sndMss: 21_888,
    pmtu: 65_536,
    sndCwnd: 10,
    dataSegsIn: 1,
    dataSegsOut: 1,
    ...over,
  };
}

function coverage() {
  const told: Extract<RunEvent, { kind: 'offence' }>[] = [];
  const brief = new BriefCoverage((offence) => told.push(offence));
  brief.space(NETNS, { inode: 1 });
  return { brief, told };
}

const CLEAN = { 'brief.unheard': 0, 'brief.missing': 0, 'brief.wrong': 0, 'brief.duplicates': 0 };

test('row and ledger line may come in either order', () => {
  const { brief, told } = coverage();
  brief.line(line(1), 0);
  brief.rows([row(line(1)), row(line(2))], 1);
  brief.line(line(2), 2);
  brief.settle(100, END);
  expect(brief.series()).toEqual({ 'brief.made': 2, 'brief.captured': 2, ...CLEAN });
  expect(told).toEqual([]);
});

test('a socket without a final row is missing once it has had its time, and at the end at once', () => {
  const { brief, told } = coverage();
  brief.line(line(1), 0);
  brief.line(line(2), 10);
  brief.settle(10);
  expect(brief.series()['brief.missing']).toBe(0);
  brief.settle(16);
  expect(brief.series()['brief.missing']).toBe(1);
  brief.settle(16, END);
  expect(brief.series()['brief.missing']).toBe(2);
  expect(told.map(({ invariant }) => invariant)).toEqual(['final-rows', 'final-rows']);
});

test.each<[string, Partial<JudgeRow>]>([
  ["a neighbour's port", { sport: 1 }],
  ["a neighbour's address", { src: addressKey('10.9.9.9') }],
  ['another namespace', { netns: 78 }],
  ['bytes that were read too early', { received: 0 }],
  ['acknowledgements that were read too early', { acked: 1 }],
  ['bytes that were never sent', { sent: 5 }],
  ['the name of another namespace', { name: 'soak-bf-1' }],
  ['the inode of another namespace', { inode: 2 }],
  ['a container that does not live there', { container: 'c0ffee' }],
  ['a state in which no socket ends', { state: 10 }],
  ["a neighbour's owner", { uid: 42 }],
  ["a neighbour's inode", { socketInode: 42 }],
  ["a neighbour's congestion control", { congestion: 'reno' }],
  ['a stamp from before it was closed', { offsetNs: -1e9 }],
  ['a stamp from long after it was closed', { offsetNs: 60e9 }],
  ['no bytes sent', { sent: 0 }],
])('a final row with %s is wrong', (_, over) => {
  const { brief } = coverage();
  brief.line(line(1), 0);
  brief.rows([row(line(1), over)], 0);
  expect(brief.series()).toMatchObject({ 'brief.captured': 1, 'brief.wrong': 1 });
});

test.each<[string, Partial<JudgeRow>]>([
  ['owner, inode and congestion control, which the kernel may have forgotten by then', { uid: 0, socketInode: 0, congestion: '' }],
  ['a stamp of a moment later', { offsetNs: 2e9 }],
])('a final row with %s is right', (_, over) => {
  const { brief } = coverage();
  brief.line({ ...line(1), uid: 10_001 }, 0);
  brief.rows([row(line(1), { uid: 10_001, ...over })], 0);
  expect(brief.series()).toMatchObject({ 'brief.captured': 1, 'brief.wrong': 0 });
});

test('what a subject does not send is not held against it', () => {
  const brief = new BriefCoverage(() => {}, ['netns_inode', 'netns_cookie', 'tcp_info_bytes_sent']);
  brief.space(NETNS, { inode: 1 });
  brief.line(line(1), 0);
  brief.rows([row(line(1), { inode: 0, netns: 0, sent: 0 })], 0);
  expect(brief.series()).toMatchObject({ 'brief.captured': 1, 'brief.wrong': 0 });
});

test('what was closed as the subject was ended owes nothing', () => {
  const { brief, told } = coverage();
  for (const serial of [1, 2]) brief.line({ ...line(serial), at: String(serial * 1000) }, 0);
  brief.settle(1, { owedUntilNs: 1500 });
  expect(told.map(({ detail }) => detail.split(' ')[1])).toEqual(['1001']);
});

test('a second final row is a duplicate, before and after the ledger told of the socket', () => {
  const { brief } = coverage();
  brief.rows([row(line(1)), row(line(1))], 0);
  brief.line(line(1), 0);
  brief.rows([row(line(1))], 1);
  expect(brief.series()).toMatchObject({ 'brief.captured': 1, 'brief.duplicates': 2 });
});

test('a final row of a socket that was never made is wrong; one of another namespace is none of ours', () => {
  const { brief } = coverage();
  brief.rows([row(line(1)), row(line(2), { netns: 5 })], 0);
  brief.settle(20);
  expect(brief.series()).toMatchObject({ 'brief.wrong': 1 });
});

test('rows that are held on their way are missing at the end only, and those that nobody heard of are not', () => {
  const { brief, told } = coverage();
  brief.hold();
  brief.line({ ...line(1), at: '1000' }, 0);
  brief.line({ ...line(2), at: '2000' }, 0);
  brief.line({ ...line(3), at: '3000' }, 0);
  brief.settle(1000);
  expect(brief.series()).toMatchObject({ 'brief.missing': 0 });
  brief.deaf(1500, 2500);
  brief.settle(1000, END);
  expect(brief.series()).toMatchObject({ 'brief.made': 3, 'brief.missing': 2, 'brief.unheard': 1 });
  expect(told.map(({ detail }) => detail.split(' ')[1])).toEqual(['1001', '1003']);
});
