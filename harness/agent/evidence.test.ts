import { expect, test } from 'vitest';
import { counted, framesOf, gatherEvidence, kindOf, largestMappings } from './evidence.js';

test('descriptors are counted by what they are, not by which', () => {
  expect(counted(['socket:[1]', 'socket:[2]', 'net:[4026531840]', '/proc/17/ns', 'anon_inode:[eventpoll]'].map(kindOf))).toEqual([
    { name: 'socket', count: 2 },
    { name: '/proc/N/ns', count: 1 },
    { name: 'anon_inode:[eventpoll]', count: 1 },
    { name: 'net', count: 1 },
  ]);
});

test('a kernel stack is its functions, innermost first', () => {
  expect(framesOf('[<0>] ep_poll+0x36f/0x3b0\n[<0>] do_epoll_wait+0xab/0xc0\n')).toBe('ep_poll < do_epoll_wait');
  expect(framesOf('')).toBe('');
});

test('mappings of one file are one, the largest first', () => {
  const smaps = [
    '7f0000000000-7f0000001000 r-xp 00000000 08:01 12  /usr/bin/node',
    'Rss:                 300 kB',
    '7f0000002000-7f0000003000 rw-p 00000000 00:00 0 ',
    'Rss:                 900 kB',
    '7f0000004000-7f0000005000 r--p 00000000 08:01 12  /usr/bin/node',
    'Rss:                 700 kB',
  ].join('\n');
  expect(largestMappings(smaps)).toEqual([
    { name: '/usr/bin/node', kilobytes: 1000 },
    { name: 'anonymous', kilobytes: 900 },
  ]);
});

test('of a process that runs there is evidence, of one that is gone there is none', () => {
  const { data, files } = gatherEvidence([process.pid]);
  expect(data.threads).not.toEqual([]);
  expect(JSON.stringify(data.memory)).toContain('node');
  expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['fds.txt', 'smaps.txt']));
  expect(gatherEvidence([2 ** 22 + 1])).toEqual({ data: { threads: [], stacks: [], fds: [], memory: [] }, files: [] });
});
