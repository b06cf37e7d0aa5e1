import { expect, it } from 'vitest';
import { skeletonOf } from './skeleton.js';

const entries = skeletonOf({ bin: 'usr/bin', 'usr/bin/env': '/nix/env' }, [{ tag: 'share0', path: '/tmp/a/b' }]);
const at = (path: string) => entries.find((entry) => entry.path === path);

it('has a mount point and a layer for each share', () => {
  for (const path of ['tmp/a/b', '.netsoak/lower/share0', '.netsoak/layer/share0/upper', '.netsoak/layer/share0/work']) {
    expect(at(path)).toMatchObject({ kind: 'folder' });
  }
});

it('lets everybody write where everybody may, and keeps the home of root', () => {
  expect(['tmp', 'var/tmp', 'root', 'tmp/a'].map((path) => at(path))).toMatchObject([
    { mode: 0o1777 },
    { mode: 0o1777 },
    { mode: 0o700 },
    { mode: 0o755 },
  ]);
});

it('has each folder once, before what lies in it, and a link where one is wanted', () => {
  const paths = entries.map(({ path }) => path);
  expect(new Set(paths).size).toBe(paths.length);
  for (const path of paths.filter((one) => one.includes('/'))) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    expect(paths.slice(0, paths.indexOf(path))).toContain(parent);
  }
  expect(at('bin')).toEqual({ kind: 'link', path: 'bin', target: 'usr/bin' });
  const withFolder = skeletonOf({ srv: 'mnt' }, []);
  expect(withFolder.filter(({ path }) => path === 'srv')).toEqual([{ kind: 'link', path: 'srv', target: 'mnt' }]);
});
