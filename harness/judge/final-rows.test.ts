/** Final rows of connections that no poll may see, at the end of a run. */
import { expect, test } from 'vitest';
import { at, type FakeTarget, finished, measuredTarget } from './fixture.js';
import type { JudgeRow } from './row.js';

/** Ten brief connections a second for ten seconds, of which the final rows are lost from 3 s on; the phase ends at 8 s. */
function shortLived(ending: (target: FakeTarget) => void): FakeTarget {
  const target = measuredTarget();
  target.tell({ kind: 'netns', name: 'bf-0', netns: '7', inode: 1, role: 'brief', at: at(1) }, 1);
  const [like] = target.rows(1).filter((row) => row.state === 1) as [JudgeRow];
  const [line] = target.sockets.filter(({ end }) => end === 'client') as [(typeof target.sockets)[number]];
  for (let tenths = 10; tenths < 110; tenths++) {
    const [seconds, cookie] = [tenths / 10, 5000 + tenths];
    if (tenths === 81) target.judge.measure('end', 8.05);
    target.tell({ ...line, name: 'bf-0', netns: '7', cookie: String(cookie), role: 'brief', at: at(seconds) }, seconds);
    if (seconds >= 3) continue;
    const row = { ...like, name: 'bf-0', netns: 7, inode: 1, state: 7, cookie, poll: '0', offsetNs: Number(at(seconds)) };
    target.judge.closedRows(1, [row], seconds);
  }
  ending(target);
  return finished(target, 12);
}

test('final rows that are missing at the end are of the measured phase, but for what was closed in its last interval', () => {
  const target = shortLived((one) => one.tell({ kind: 'steady-closing', at: at(11) }, 11));
  const told = target.outputs.flatMap((o) => ('series' in o && o.series['brief.missing'] ? [[o.series['brief.missing'], o.ofPhase]] : []));
  // From 3.0 to 7.0 s.
  expect(told[0]).toEqual([41, true]);
});

test('they are of no phase where the load broke down before it was ended', () => {
  const target = shortLived(() => {});
  expect(target.outputs.filter((o) => 'series' in o && o.ofPhase && 'brief.missing' in o.series)).toEqual([]);
  expect(target.values('brief.missing').at(-1)).toBe(41);
});
