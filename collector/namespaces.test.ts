import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addonPath } from '../native/index.js';
import { discover, openTable } from './namespaces.js';

/** A host as files: plain ones stand for bind mounts (all on the device of `own`), links and cgroup files for processes. */
let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'netsoakd-namespaces-'));
  fs.mkdirSync(join(root, 'proc'));
  fs.writeFileSync(join(root, 'own'), '');
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const at = (path: string) => join(root, path);
const ownInode = () => fs.statSync(at('own')).ino;
/** @returns its inode */
function mount(path: string): number {
  fs.mkdirSync(join(at(path), '..'), { recursive: true });
  fs.writeFileSync(at(path), '');
  return fs.statSync(at(path)).ino;
}
function live(pid: number, inode: number, cgroup = '0::/\n'): void {
  fs.mkdirSync(at(`proc/${pid}/ns`), { recursive: true });
  fs.rmSync(at(`proc/${pid}/ns/net`), { force: true });
  fs.symlinkSync(`net:[${inode}]`, at(`proc/${pid}/ns/net`));
  fs.writeFileSync(at(`proc/${pid}/cgroup`), cgroup);
}
const end = (pid: number) => fs.rmSync(at(`proc/${pid}`), { recursive: true });
const open = (...dirs: readonly string[]) => openTable(dirs.map(at), { proc: at('proc'), own: at('own') });
/** By name: a directory has no order that one could count on. */
const byName = <T extends { readonly name: string }>(list: Iterable<T>) => [...list].sort((a, b) => (a.name < b.name ? -1 : 1));

describe('discovery', () => {
  it('finds its own namespace, bind mounts and processes, each once, its own first', async () => {
    const blue = mount('netns/blue');
    fs.mkdirSync(at('docker'));
    fs.linkSync(at('netns/blue'), at('docker/alias'));
    fs.linkSync(at('own'), at('docker/default'));
    live(1, ownInode());
    live(7, blue);
    live(8, 20);
    live(9, 20);
    fs.mkdirSync(at('proc/acpi'));
    const { namespaces } = await discover(open('netns', 'docker'));
    const found = [...namespaces].map(({ name, path, inode, device }) => ({ name, path, inode, device }));
    const device = fs.statSync(at('own')).dev;
    // Either process stands for it: which the directory names first is the file system's to say (proc(5) orders them by pid).
    const of20 = found.at(-1)?.path.includes('/8/') === true ? 8 : 9;
    expect(found).toEqual([
      { name: 'host', path: at('own'), inode: ownInode(), device },
      { name: 'blue', path: at('netns/blue'), inode: blue, device },
      { name: 'netns:[20]', path: at(`proc/${of20}/ns/net`), inode: 20, device },
    ]);
  });

  it('skips the file that a deleted namespace left behind: it lies on another device', async () => {
    fs.mkdirSync(at('netns'));
    fs.symlinkSync('/proc/self/status', at('netns/left'));
    fs.symlinkSync(at('nowhere'), at('netns/dangling'));
    live(8, 20);
    const { namespaces } = await discover(open('netns'));
    expect([...namespaces].map(({ name }) => name)).toEqual(['host', 'netns:[20]']);
  });

  it('is silent about a directory that is missing and a process that has ended, and names a directory that it can not read', async () => {
    fs.symlinkSync('loop', at('loop'));
    mount('netns/blue');
    fs.mkdirSync(at('proc/5'));
    const { namespaces, denied, unread } = await discover(open('nowhere', 'loop', 'netns'));
    expect([...namespaces].map(({ name }) => name)).toEqual(['host', 'blue']);
    expect(denied).toBe(0);
    expect(unread).toEqual([{ path: at('loop'), errno: 40 }]);
  });

  it.runIf(process.getuid?.() === 0)('counts the processes that it may not look at', () => {
    const script = `require(process.argv[1]).namespaceTable([], '/proc', '/proc/self/ns/net').scan(0).then(({ denied }) => console.log(denied))`;
    // Node and its libraries may lie where only root gets; what is loaded already needs no file.
    const drop = `const addon = process.argv[1]; require(addon); process.setgroups([]); process.setgid(65534); process.setuid(65534); ${script}`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', drop, addonPath()], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  it('lets the event loop run while it looks through a large host', async () => {
    for (let pid = 1; pid <= 100; pid++) live(pid, 100 + pid);
    let turns = 0;
    const turn = () => {
      turns++;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    const { namespaces } = await discover(open());
    clearImmediate(next);
    expect(namespaces).toHaveLength(101);
    expect(turns).toBeGreaterThan(0);
  });

  it('names what lives in a container by its id, and tells of it under a bind mount too', async () => {
    const id = 'ab'.repeat(32);
    const f00 = mount('docker/f00');
    live(1, ownInode(), `0::/docker/${id}\n`);
    live(7, f00, `0::/system.slice/docker-${id}.scope\n`);
    // What looks after a container from within its namespace, and the container.
    live(8, 20, '0::/user.slice\n');
    live(9, 20, `0::/machine.slice/libpod-${id}.scope/container\n`);
    live(11, 30, '0::/system.slice/ssh.service\n');
    const table = open('docker');
    const { namespaces } = await discover(table);
    expect(byName(namespaces).map(({ name, containerId, containerRuntime }) => [name, containerId, containerRuntime])).toEqual([
      [id, id, 'podman'],
      ['f00', id, 'docker'],
      ['host', '', ''],
      ['netns:[30]', '', ''],
    ]);
    // A namespace that the container has left is not its any more.
    end(7);
    end(9);
    const later = (await discover(table, Date.now() + 10_000)).namespaces;
    expect(byName(later).map(({ name, containerId }) => [name, containerId])).toEqual([
      ['f00', ''],
      ['host', ''],
      ['netns:[20]', ''],
      ['netns:[30]', ''],
    ]);
  });

  it('asks a process for its container once, and one without again after ten seconds', async () => {
    const id = 'ab'.repeat(32);
    live(7, 10, '0::/\n');
    live(8, 20, `0::/docker/${id}\n`);
    const table = open();
    const look = async (now: number) =>
      [...(await discover(table, now)).namespaces]
        .slice(1)
        .sort((a, b) => a.inode - b.inode)
        .map(({ containerId }) => containerId);
    expect(await look(1_000_000)).toEqual(['', id]);
    // Answers are kept: neither is asked again.
    live(7, 10, `0::/docker/${id}\n`);
    live(8, 20, '0::/\n');
    expect(await look(1_009_999)).toEqual(['', id]);
    expect((await table.scan(1_009_999)).questions).toEqual([]);
    expect(await look(1_010_000)).toEqual([id, id]);
  });

  it('gives each namespace a generation that stays, and another one to what comes later with its inode', async () => {
    const table = open();
    const generations = async (now: number) =>
      new Map([...(await discover(table, now)).namespaces].map(({ name, generation }) => [name, generation]));
    live(7, 10);
    const first = await generations(1_000_000);
    expect(first.get('host')).toBe(1_000_000);
    expect(first.get('netns:[10]')).toBe(1_000_001);
    live(8, 20);
    // The clock was set back.
    expect((await generations(5)).get('netns:[20]')).toBe(1_000_002);
    end(8);
    expect([...(await generations(6)).keys()]).toEqual(['host', 'netns:[10]']);
    live(9, 20);
    const last = await generations(7);
    expect(last.get('netns:[20]')).toBe(1_000_003);
    expect(last.get('netns:[10]')).toBe(1_000_001);
  });

  it('gives the same list as long as nothing changes, and leaves out what was forgotten since', async () => {
    const blue = mount('netns/blue');
    const table = open('netns');
    const { namespaces } = await discover(table);
    expect((await discover(table)).namespaces).toBe(namespaces);
    table.forget({ inode: blue, path: at('netns/other') });
    expect(table.list()).toBe(namespaces);
    table.forget({ inode: blue, path: at('netns/blue') });
    expect([...table.list()].map(({ name }) => name)).toEqual(['host']);
    // The list of before is what it was, for whoever still reads it.
    expect([...namespaces].map(({ name }) => name)).toEqual(['host', 'blue']);
    expect(namespaces.at(-1)).toMatchObject({ inode: blue });
    expect(namespaces.at(2)).toBeUndefined();
  });

  it('follows a single file: new, known, another one in its place, gone', async () => {
    const table = open('netns');
    mount('netns/blue');
    const found = table.look(at('netns/blue'), 7, true);
    expect(typeof found === 'object' && [...found].map(({ name, generation }) => ({ name, generation }))).toEqual([
      { name: 'blue', generation: 7 },
    ]);
    expect(table.look(at('netns/blue'), 8, true)).toBe(true);
    mount('netns/new');
    fs.renameSync(at('netns/new'), at('netns/blue'));
    expect(table.look(at('netns/blue'), 9, true)).toMatchObject({ length: 1 });
    expect(table.size).toBe(1);
    fs.rmSync(at('netns/blue'));
    expect(table.look(at('netns/blue'), 10, true)).toBe(false);
    expect(table.size).toBe(0);
    mount('netns/red');
    expect(table.look(at('netns/red'), 11, false)).toBe(true);
    expect(table.size).toBe(1);
  });

  it('reads this machine as it is', async () => {
    const found = [...(await discover(openTable(['/run/netns']))).namespaces];
    expect(found[0]).toMatchObject({ name: 'host', path: '/proc/self/ns/net', inode: fs.statSync('/proc/self/ns/net').ino });
    expect(new Set(found.map(({ inode }) => inode)).size).toBe(found.length);
  });

  it('throws when it can not even look at its own', async () => {
    fs.rmSync(at('own'));
    await expect(discover(open())).rejects.toThrow("can't be looked at");
  });
});
