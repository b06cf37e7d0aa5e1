import { describe, expect, it } from 'vitest';
import { discover, type NamespaceFiles } from './namespaces.js';

const NSFS = 4;
const TMPFS = 25;

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

interface Host {
  /** Directory -> file -> st_dev and st_ino, or the errno of stat. */
  readonly mounts?: Record<string, Record<string, { dev: number; ino: number } | string>>;
  /** pid -> inode of its namespace, or the errno of readlink. */
  readonly processes?: Record<string, number | string>;
  readonly own?: number;
}

function host({ mounts = {}, processes = {}, own = 1 }: Host): NamespaceFiles {
  return {
    readdir(path) {
      if (path === '/proc') return ['acpi', ...Object.keys(processes), 'self', 'uptime'];
      const dir = mounts[path];
      if (dir === undefined) throw errno('ENOENT');
      return Object.keys(dir);
    },
    stat(path) {
      if (path === '/proc/self/ns/net') return { dev: NSFS, ino: own };
      const cut = path.lastIndexOf('/');
      const found = mounts[path.slice(0, cut)]?.[path.slice(cut + 1)] ?? 'ENOENT';
      if (typeof found === 'string') throw errno(found);
      return found;
    },
    readlink(path) {
      const found = processes[path.split('/')[2] ?? ''] ?? 'ENOENT';
      if (typeof found === 'string') throw errno(found);
      return `net:[${found}]`;
    },
  };
}

describe('discovery', () => {
  it('finds its own namespace, bind mounts and processes, each once', async () => {
    const files = host({
      own: 1,
      mounts: {
        '/run/netns': { blue: { dev: NSFS, ino: 10 }, alias: { dev: NSFS, ino: 10 } },
        '/run/docker/netns': { default: { dev: NSFS, ino: 1 } },
      },
      processes: { 1: 1, 7: 10, 8: 20, 9: 20 },
    });
    const { namespaces } = await discover(['/run/netns', '/run/docker/netns'], files);
    expect(namespaces.map(({ name, path, inode }) => ({ name, path, inode }))).toEqual([
      { name: 'host', path: '/proc/self/ns/net', inode: 1 },
      { name: 'blue', path: '/run/netns/blue', inode: 10 },
      { name: 'netns:[20]', path: '/proc/8/ns/net', inode: 20 },
    ]);
    expect(new Set(namespaces.map(({ device }) => device))).toEqual(new Set([NSFS]));
  });

  it('skips the file that a deleted namespace left behind, even with the inode of a live one', async () => {
    const files = host({ mounts: { '/run/netns': { left: { dev: TMPFS, ino: 20 } } }, processes: { 8: 20 } });
    const { namespaces } = await discover(['/run/netns'], files);
    expect(namespaces.map(({ name }) => name)).toEqual(['host', 'netns:[20]']);
  });

  it('is silent about what vanishes between readdir and stat, and counts what it may not see', async () => {
    const files = host({
      mounts: { '/run/netns': { gone: 'ENOENT', blue: { dev: NSFS, ino: 10 } } },
      processes: { 2: 'ENOENT', 3: 'ESRCH', 4: 'EACCES', 5: 'EPERM', 6: 30 },
    });
    const { namespaces, denied } = await discover(['/nowhere', '/run/netns'], files);
    expect(namespaces.map(({ name }) => name)).toEqual(['host', 'blue', 'netns:[30]']);
    expect(denied).toBe(2);
  });

  it('lets others run while it looks through a large host', async () => {
    const busy = host({ processes: Object.fromEntries(Array.from({ length: 400 }, (_, pid) => [pid + 1, pid + 100])) });
    const slow: NamespaceFiles = {
      ...busy,
      readlink(path) {
        const until = performance.now() + 0.05;
        while (performance.now() < until);
        return busy.readlink(path);
      },
    };
    let pauses = 0;
    const { namespaces } = await discover([], slow, async () => void pauses++);
    expect(namespaces).toHaveLength(401);
    expect(pauses).toBeGreaterThan(3);
  });

  it('reads this machine as it is', async () => {
    const { namespaces } = await discover(['/run/netns']);
    expect(namespaces[0]).toMatchObject({ name: 'host', path: '/proc/self/ns/net' });
    expect(new Set(namespaces.map(({ inode }) => inode)).size).toBe(namespaces.length);
  });
});
