import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Place } from '../figures/place.js';
import { PROJECT } from '../project.js';

const READERS = join(PROJECT, 'native/build/netsoak-readers');
const WAYS = ['worker', 'workers', 'cached', 'two-dumps', 'blocking', 'uring'];

it('every way of reading reads every socket of every namespace, poll after poll, with as many threads as it says', async () => {
  const place = new Place(new AbortController().signal);
  try {
    await place.open();
    await place.crowd().ask('spread namespaces=70 sockets=4');
    const polls = [];
    for (const way of WAYS) {
      const reader = place.talk(READERS, way, '/run/netns');
      const [first, second] = [await reader.json<{ rows: number; threads: number }>(''), await reader.json<{ rows: number }>('')];
      polls.push([way, first.rows, second.rows, first.threads]);
      await reader.end();
    }
    // More namespaces than the ring has under way at a time.
    expect(polls).toEqual([
      ['worker', 280, 280, 1],
      ['workers', 280, 280, 3],
      ['cached', 280, 280, 1],
      ['two-dumps', 280, 280, 1],
      ['blocking', 280, 280, 71],
      ['uring', 280, 280, 1],
    ]);
    await expect(place.talk(READERS, 'sideways', '/run/netns').ask('')).rejects.toThrow(/usage: netsoak-readers/);
  } finally {
    await place.close();
  }
});
