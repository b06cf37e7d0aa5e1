import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linesOf, Place, type Talk } from './place.js';

describe('the place of the figures', () => {
  const abort = new AbortController();
  const place = new Place(abort.signal);
  // One for all tests: it locks the folder of names.
  let crowd: Talk;
  beforeAll(async () => {
    await place.open();
    crowd = place.crowd();
  });
  afterAll(() => place.close());

  it('holds as many sockets as asked for, in more than one step, and the floor receives all of them', async () => {
    const floor = place.floor();
    const empty = await floor.json<{ bytes: number }>('');
    await crowd.ask('crowd sockets=100');
    const some = await floor.json<{ bytes: number; namespaces: number }>('');
    await crowd.ask('crowd sockets=400');
    const many = await floor.json<{ bytes: number; cpuNs: number }>('');
    expect(JSON.parse(await crowd.ask('crowd sockets=400'))).toEqual({ sockets: 400 });
    const counted = place.talk('bash', '-c', 'while read -r _; do ss -tHan | wc -l; done');
    expect(await counted.ask('')).toBe('400');
    // All attributes of a socket are about 515 bytes; a request for none of them gives 72 and a header.
    expect((many.bytes - some.bytes) / 300).toBeGreaterThan(400);
    expect((some.bytes - empty.bytes) / 100).toBeCloseTo((many.bytes - some.bytes) / 300, -1);
    expect(many.cpuNs).toBeGreaterThan(0);
    expect(some.namespaces).toBe(1);
  });

  it('spreads sockets over namespaces, which the floor visits one by one', async () => {
    await crowd.ask('spread namespaces=7 sockets=10');
    const { namespaces, receives } = await place.floor('/run/netns').json<{ namespaces: number; receives: number }>('');
    expect(namespaces).toBe(7);
    expect(receives).toBeGreaterThanOrEqual(7);
    const counted = place.talk('bash', '-c', 'while read -r n; do ip netns exec $n ss -tHan | wc -l; done');
    expect(await counted.ask('soak-crowd-00003')).toBe('10');
  });

  it('makes brief connections at the rate asked for and writes down both ends of each', async () => {
    const own = new Place(abort.signal);
    try {
      await own.open();
      const brief = own.crowd();
      await brief.ask('rooms namespaces=3');
      const file = own.file('brief');
      expect(JSON.parse(await brief.ask(`brief rate=200 seconds=1 file=${file}`))).toMatchObject({ connections: 200 });
      const ends = [...linesOf(file)].map((line) => JSON.parse(line) as { cookie: string; sent: number });
      expect(new Set(ends.map(({ cookie }) => cookie)).size).toBe(400);
      expect(ends.slice(0, 2).map(({ sent }) => sent)).toEqual([100, 200]);
    } finally {
      await own.close();
    }
  });

  it('tells what a daemon of the collector does: polls, CPU, threads, memory', async () => {
    const daemon = place.netsoakd({ interval: '100ms' });
    const polls = await daemon.next(2);
    const before = daemon.cpuNs();
    const more = await daemon.next(polls.length + 1);
    expect(more.length).toBeGreaterThan(polls.length);
    expect(daemon.cpuNs()).toBeGreaterThan(before);
    expect(daemon.threads()).toBeGreaterThan(8);
    expect(daemon.rssMb()).toBeGreaterThan(20);
    await daemon.stop();
  });

  it('says what failed in it', async () => {
    await expect(place.floor('/nowhere').ask('')).rejects.toThrow(/nowhere/);
    await expect(crowd.ask('swarm')).rejects.toThrow(/unknown command "swarm"/);
  });
});
