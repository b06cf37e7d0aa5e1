import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkShares, homeFolders, nodeFolder } from './shares.js';

const HOMES = ['/root', '/home', '/home/ann'];
const check = (...paths: string[]) =>
  checkShares(
    paths.map((path) => ({ path })),
    HOMES,
  );

describe('what the guest may see', () => {
  it('is each folder once, without those that lie within another', () => {
    expect(check('/usr', '/srv/project', '/usr/', '/usr/lib/node', '/usrlocal')).toEqual(['/srv/project', '/usr', '/usrlocal']);
  });
  it('may be a folder in a home directory', () => {
    expect(check('/root/src/netsoak', '/home/ann/netsoak')).toEqual(['/home/ann/netsoak', '/root/src/netsoak']);
  });
  it.each(['/', '/root', '/home', '/home/ann', '/home/ann/', '/home/bob/../ann'])('is never %s', (path) => {
    expect(() => check('/usr', path)).toThrow(expect.objectContaining({ code: 'share-refused' }));
  });
  it('is never a folder that holds a home directory', () => {
    expect(() => checkShares([{ path: '/export' }], ['/export/home/ann'])).toThrow('is or holds the home directory /export/home/ann');
  });
  it.each(['/proc/self', '/run/user/1000/netsoak', '/dev', '/etc'])('is not %s, which is its own', (path) => {
    expect(() => check(path)).toThrow("the guest's own");
  });
});

describe('home directories', () => {
  const passwd = [
    'root:x:0:0::/root:/bin/bash',
    'daemon:x:1:1::/usr/sbin:/x',
    'ann:x:1000:1000::/data/ann:/bin/sh',
    'nobody:x:65534:65534::/nonexistent:/x',
  ];
  it("are people's, wherever they lie, and not those of the system", () => {
    const homes = homeFolders(passwd.join('\n'));
    expect(homes).toEqual(expect.arrayContaining(['/root', '/home', '/data/ann']));
    expect(homes).not.toContain('/usr/sbin');
  });
});

describe("Node's folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'netsoak-shares-test-')));
    mkdirSync(join(folder, 'bin'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  it('is the installation', () => {
    mkdirSync(join(folder, 'include/node'), { recursive: true });
    expect(nodeFolder(join(folder, 'bin/node'))).toBe(folder);
  });
  it('is only the folder of the program where what lies above is something else (~/bin/node)', () => {
    expect(nodeFolder(join(folder, 'bin/node'))).toBe(join(folder, 'bin'));
  });
});
