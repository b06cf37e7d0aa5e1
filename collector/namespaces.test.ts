import { describe, expect, it } from 'vitest';
import { discover, Memory, type NamespaceFiles } from './namespaces.js';

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
  /** pid -> its /proc/PID/cgroup. */
  readonly cgroups?: Record<string, string>;
}

function host({ mounts = {}, processes = {}, own = 1, cgroups = {} }: Host): NamespaceFiles {
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
    inode(path, device) {
      const cut = path.lastIndexOf('/');
      const found = mounts[path.slice(0, cut)]?.[path.slice(cut + 1)];
      return typeof found === 'object' && found.dev === device ? found.ino : 0;
    },
    readlink(path) {
      const found = processes[path.split('/')[2] ?? ''] ?? 'ENOENT';
      if (typeof found === 'string') throw errno(found);
      return `net:[${found}]`;
    },
    readFile(path) {
      const found = cgroups[path.split('/')[2] ?? ''];
      if (found === undefined) throw errno('ESRCH');
      return found;
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
    const { namespaces } = await discover(['/run/netns', '/run/docker/netns'], new Memory(), files);
    expect(namespaces.map(({ name, path, inode }) => ({ name, path, inode }))).toEqual([
      { name: 'host', path: '/proc/self/ns/net', inode: 1 },
      { name: 'blue', path: '/run/netns/blue', inode: 10 },
      { name: 'netns:[20]', path: '/proc/8/ns/net', inode: 20 },
    ]);
    expect(new Set(namespaces.map(({ device }) => device))).toEqual(new Set([NSFS]));
  });

  it('skips the file that a deleted namespace left behind, even with the inode of a live one', async () => {
    const files = host({ mounts: { '/run/netns': { left: { dev: TMPFS, ino: 20 } } }, processes: { 8: 20 } });
    const { namespaces } = await discover(['/run/netns'], new Memory(), files);
    expect(namespaces.map(({ name }) => name)).toEqual(['host', 'netns:[20]']);
  });

  it('is silent about what vanishes between readdir and stat, and counts what it may not see', async () => {
    const files = host({
      mounts: { '/run/netns': { gone: 'ENOENT', blue: { dev: NSFS, ino: 10 } } },
      processes: { 2: 'ENOENT', 3: 'ESRCH', 4: 'EACCES', 5: 'EPERM', 6: 30 },
    });
    const { namespaces, denied } = await discover(['/nowhere', '/run/netns'], new Memory(), files);
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
    const { namespaces } = await discover([], new Memory(), slow, async () => void pauses++);
    expect(namespaces).toHaveLength(401);
    expect(pauses).toBeGreaterThan(3);
  });

  it('names what lives in a container by its id, and tells of it under a bind mount too', async () => {
    const id = 'ab'.repeat(32);
    const files = host({
      own: 1,
      mounts: { '/run/docker/netns': { f00: { dev: NSFS, ino: 10 } } },
      processes: { 1: 1, 7: 10, 8: 20, 9: 20, 11: 30 },
      cgroups: {
        1: `0::/docker/${id}\n`,
        7: `0::/system.slice/docker-${id}.scope\n`,
        // What looks after a container from within its namespace, and the container.
        8: '0::/user.slice\n',
        9: `0::/machine.slice/libpod-${id}.scope/container\n`,
        11: '0::/system.slice/ssh.service\n',
      },
    });
    const { namespaces } = await discover(['/run/docker/netns'], new Memory(), files);
    expect(namespaces.map(({ name, containerId, containerRuntime }) => [name, containerId, containerRuntime])).toEqual([
      ['host', '', ''],
      ['f00', id, 'docker'],
      [id, id, 'podman'],
      ['netns:[30]', '', ''],
    ]);
  });

  it('asks a process for its container once, and one without again after ten seconds', async () => {
    const id = 'ab'.repeat(32);
    const cgroups: Record<string, string> = { 7: '0::/\n', 8: `0::/docker/${id}\n` };
    const files = host({ processes: { 7: 10, 8: 20 }, cgroups });
    let asked = 0;
    const counted: NamespaceFiles = {
      ...files,
      readFile: (path) => {
        asked++;
        return files.readFile(path);
      },
    };
    let now = 1_000_000;
    const memory = new Memory(() => now);
    const look = async () => (await discover([], memory, counted)).namespaces.slice(1).map(({ containerId }) => containerId);
    expect(await look()).toEqual(['', id]);
    expect(await look()).toEqual(['', id]);
    expect(asked).toBe(2);
    cgroups[7] = `0::/docker/${id}\n`;
    now += 10_000;
    expect(await look()).toEqual([id, id]);
    expect(asked).toBe(3);
  });

  it('gives each namespace a generation that stays, and another one to what comes later with its inode', async () => {
    let now = 1_000_000;
    const memory = new Memory(() => now);
    const generations = async (processes: Record<string, number>) =>
      (await discover([], memory, host({ processes }))).namespaces.map(({ generation }) => generation);
    expect(await generations({ 7: 10, 8: 20 })).toEqual([1_000_002, 1_000_000, 1_000_001]);
    // The clock was set back.
    now = 5;
    expect(await generations({ 7: 10 })).toEqual([1_000_002, 1_000_000]);
    expect(await generations({ 7: 10, 9: 20 })).toEqual([1_000_002, 1_000_000, 1_000_003]);
  });

  it('reads this machine as it is', async () => {
    const { namespaces } = await discover(['/run/netns']);
    expect(namespaces[0]).toMatchObject({ name: 'host', path: '/proc/self/ns/net' });
    expect(new Set(namespaces.map(({ inode }) => inode)).size).toBe(namespaces.length);
  });
});
