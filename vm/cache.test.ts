import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, findCached, publishFolder, readCached, userCache, writeCached } from './cache.js';

let folder: string;
let cache: Cache;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-cache-test-'));
  cache = { own: join(folder, 'own'), readable: [join(folder, 'own'), join(folder, 'shared')] };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the place of the cache', () => {
  it('is shared for root', () => {
    expect(userCache(0, { XDG_CACHE_HOME: '/elsewhere' })).toEqual({ own: '/var/cache/netsoak', readable: ['/var/cache/netsoak'] });
  });
  it("is an ordinary user's own first, then root's", () => {
    expect(userCache(1000, { XDG_CACHE_HOME: '/xdg' }).readable).toEqual(['/xdg/netsoak', '/var/cache/netsoak']);
    expect(userCache(1000, { HOME: '/home/ann' }).own).toBe('/home/ann/.cache/netsoak');
  });
});

it('reads what root prepared until the user has his own', () => {
  expect(readCached('a.json', cache)).toBeUndefined();
  mkdirSync(join(folder, 'shared'));
  writeFileSync(join(folder, 'shared/a.json'), 'theirs');
  expect(readCached('a.json', cache)).toBe('theirs');
  writeCached('a.json', 'mine', cache);
  expect(readCached('a.json', cache)).toBe('mine');
  expect(readFileSync(join(folder, 'shared/a.json'), 'utf8')).toBe('theirs');
});

it('writes files that everybody may read and leaves no draft behind', () => {
  writeCached('a.json', 'x', cache);
  expect(statSync(join(cache.own, 'a.json')).mode & 0o777).toBe(0o644);
  expect(readdirSync(cache.own)).toEqual(['a.json']);
});

it('shows a folder only when it is complete', async () => {
  const path = await publishFolder(
    'kernel',
    async (draft) => {
      writeFileSync(join(draft, 'half'), '');
      expect(findCached('kernel', cache)).toBeUndefined();
    },
    cache,
  );
  expect(findCached('kernel', cache)).toBe(path);
  expect(readdirSync(path)).toEqual(['half']);
});

it('keeps nothing of a folder whose making failed', async () => {
  const failing = publishFolder('kernel', () => Promise.reject(new Error('no network')), cache);
  await expect(failing).rejects.toThrow('no network');
  expect(readdirSync(cache.own)).toEqual([]);
});

it('leaves the folder of the faster one when two make it at once', async () => {
  const make = (text: string) => publishFolder('kernel', async (draft) => writeFileSync(join(draft, 'who'), text), cache);
  await make('first');
  await make('second');
  expect(readFileSync(join(cache.own, 'kernel/who'), 'utf8')).toBe('first');
  expect(readdirSync(cache.own)).toEqual(['kernel']);
});

it('names the folder and a cure when it may not write', () => {
  writeFileSync(join(folder, 'own'), 'a file where the folder should be');
  expect(() => writeCached('a.json', 'x', cache)).toThrow(
    expect.objectContaining({ code: 'cache-unwritable', owner: 'infra', hint: expect.stringContaining('XDG_CACHE_HOME') }),
  );
});
