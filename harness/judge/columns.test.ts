import { expect, test } from 'vitest';
import { DISPENSABLE, type Dispensable } from './columns.js';
import { EPOCH_NS, FakeTarget, poll } from './fixture.js';
import type { JudgeRow } from './row.js';

/** What a row of a subject without these columns decodes to. */
const EMPTY: Readonly<Record<Dispensable, Partial<JudgeRow>>> = {
  poll_id: {},
  netns_cookie: { netns: 0 },
  netns_inode: { inode: 0 },
  container_id: { container: '' },
  congestion_algorithm_string: { congestion: '' },
  hostname: { hostname: '' },
  inet_diag_msg_inode: { socketInode: 0 },
  inet_diag_msg_rqueue: { receiveQueue: 0 },
  inet_diag_msg_uid: { uid: 0 },
  inet_diag_msg_wqueue: { sendQueue: 0 },
  tcp_info_bytes_acked: { acked: 0 },
  tcp_info_bytes_received: { received: 0 },
  tcp_info_bytes_sent: { sent: 0 },
  tcp_info_data_segs_in: { dataSegsIn: 0 },
  tcp_info_data_segs_out: { dataSegsOut: 0 },
  tcp_info_pmtu: { pmtu: 0 },
  tcp_info_rtt: { rtt: 0 },
  tcp_info_snd_cwnd: { sndCwnd: 0 },
  tcp_info_snd_mss: { sndMss: 0 },
  tcp_info_state: { infoState: 0 },
};

function soak(lacks: readonly Dispensable[], spoil: (rows: JudgeRow[]) => readonly JudgeRow[] = (rows) => rows): FakeTarget {
  const target = new FakeTarget(1, lacks);
  for (const name of ['st-0', 'st-1']) target.space(name, 'steady', 0);
  target.ready(0.5);
  target.judge.measure('begin', 1);
  poll(target, 2, 9, spoil);
  target.judge.finish(12);
  return target;
}

const without =
  (...lacks: readonly Dispensable[]) =>
  (rows: JudgeRow[]): JudgeRow[] =>
    rows.map((row) => Object.assign({}, row, ...lacks.map((name) => EMPTY[name])));

test.each(DISPENSABLE.filter((name) => name !== 'poll_id' && name !== 'container_id' && name !== 'inet_diag_msg_wqueue'))(
  'rows without %s offend, unless the description says that there is none',
  (name) => {
    expect(soak([], without(name)).events('offence')).not.toEqual([]);
    expect(soak([name], without(name)).events('offence')).toEqual([]);
  },
);

test('all that is dispensable can be lacking at once, and is told; the rest is judged', () => {
  const lacks = DISPENSABLE.filter((name) => name !== 'poll_id');
  const target = soak(lacks, without(...lacks));
  expect(target.events('offence')).toEqual([]);
  expect(target.events('note')[0]?.text).toContain('sends no netns_cookie, netns_inode');
  const spoiled = soak(lacks, (rows) => without(...lacks)(rows.slice(1)).map((row, i) => (i === 3 ? { ...row, name: 'st-9' } : row)));
  expect(new Set(spoiled.events('offence').map(({ invariant }) => invariant))).toEqual(new Set(['completeness', 'attribution']));
});

test("the subject's own namespace may go without cookie and inode, whatever it is called", () => {
  const target = new FakeTarget(1, ['netns_cookie', 'netns_inode']);
  target.space('st-0', 'steady', 0);
  target.space('', 'home', 0);
  target.ready(0.5);
  target.judge.measure('begin', 1);
  poll(target, 2, 5, (rows) =>
    without('netns_cookie', 'netns_inode')(rows).map((row) => (row.name === '' ? { ...row, name: 'default' } : row)),
  );
  target.judge.finish(8);
  expect(target.events('offence')).toEqual([]);
  expect(target.values('poll.expected')).toEqual([16, 16, 16, 16]);
});

/** Polls whose rows carry nothing but their stamps, spread over `spanMs`. */
function withoutIds(spanMs: number, spoil: (rows: readonly JudgeRow[]) => readonly JudgeRow[] = (rows) => rows): FakeTarget {
  const target = new FakeTarget(1, ['poll_id']);
  target.space('st-0', 'steady', 0);
  target.ready(0.5);
  target.judge.measure('begin', 1);
  for (let seconds = 2; seconds <= 6; seconds++) {
    target.pulse(seconds - 0.2);
    target.count(seconds - 0.1);
    const rows = spoil(target.rows(seconds));
    const stamp = (i: number): number => Number(EPOCH_NS) + seconds * 1e9 + Math.round((i * spanMs * 1e6) / rows.length);
    // Two readers side by side: the second row was stamped before the first.
    target.judge.rows(
      1,
      rows.map((row, i) => ({ ...row, poll: '0', offsetNs: stamp(i < 2 ? 1 - i : i) })),
      seconds + Math.max(0.1, spanMs / 1000),
    );
  }
  target.judge.finish(9);
  return target;
}

test.each([0.1, 300, 900])('polls of %d ms without an id are told apart, whatever order readers stamp in', (spanMs) => {
  const target = withoutIds(spanMs);
  expect(target.values('poll.rows')).toEqual([9, 9, 9, 9, 9]);
  expect(target.events('offence')).toEqual([]);
});

test('a row that is twice in a poll without an id is a duplicate, not the next poll', () => {
  const target = withoutIds(300, (rows) => [...rows, ...rows.slice(7)]);
  expect(target.values('poll.rows')).toEqual([11, 11, 11, 11, 11]);
  expect(target.sum('poll.duplicates')).toBe(10);
});
