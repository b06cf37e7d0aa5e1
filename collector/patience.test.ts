import { expect, it } from 'vitest';
import { namespaceRef, namespaceResult } from './namespace.test-support.js';
import { Patience } from './patience.js';

const good = namespaceRef('1', { inode: 1 });
const bad = namespaceRef('2', { inode: 2 });

it('tries a namespace that cannot be entered again after 1 s, 2 s, 4 s ... 5 minutes, and the others always', () => {
  let now = 0;
  const patience = new Patience(() => now);
  const waits: number[] = [];
  for (let failures = 0; failures < 11; failures++) {
    const failed = now;
    expect(patience.due([good, bad])).toEqual([good, bad]);
    patience.note(bad, namespaceResult({ status: 'denied', step: 'setns' }));
    while (![...patience.due([good, bad])].includes(bad)) now++;
    waits.push(now - failed);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

it('begins anew after a success, a death, or with another namespace of the same inode', () => {
  const patience = new Patience(() => 0);
  const putOff = () => patience.note(bad, namespaceResult({ status: 'unenterable', step: 'proof' }));
  putOff();
  expect(patience.due([bad])).toEqual([]);
  expect(patience.due([{ ...bad, generation: 2 }])).toHaveLength(1);
  // It was not in the list: it is forgotten.
  expect(patience.due([bad])).toEqual([bad]);
  putOff();
  patience.note(bad, namespaceResult({ status: 'ok', step: '' }));
  expect(patience.due([bad])).toEqual([bad]);
});

it('does not put off one whose dump failed', () => {
  const patience = new Patience(() => 0);
  for (const step of ['send', 'recv', 'netlink', 'closed']) patience.note(bad, namespaceResult({ status: 'error', step }));
  expect(patience.due([bad])).toEqual([bad]);
});
