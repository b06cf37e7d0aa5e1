import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chooseKernel, sourceOf } from './chosen-kernel.js';
import { elfFile } from './testing/elf-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-chosen-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A vmlinux that starts by PVH and says that it is of this release. */
function vmlinux(release: string): Buffer {
  return Buffer.concat([elfFile({}, [{ name: 'Xen', type: 18 }]), Buffer.from(`Linux version ${release} (builder)`)]);
}
const cache = () => ({ own: join(folder, 'cache'), readable: [join(folder, 'cache')] });

it('takes a name as a package and a path as what lies there', () => {
  expect(sourceOf('linux-image-amd64/bullseye')).toEqual({ kind: 'package', name: { name: 'linux-image-amd64', suite: 'bullseye' } });
  writeFileSync(join(folder, 'linux-image.deb'), '');
  expect(sourceOf(join(folder, 'linux-image.deb'))).toEqual({ kind: 'deb', file: join(folder, 'linux-image.deb') });
  for (const word of ['6.12', 'bash', join(folder, 'nothing'), folder])
    expect(() => sourceOf(word), word).toThrow(expect.objectContaining({ code: 'kernel-unknown' }));
  writeFileSync(join(folder, 'text'), 'not a kernel, only text'.repeat(100));
  expect(() => sourceOf(join(folder, 'text'))).toThrow('not a bzImage');
});

it('finds the image of a folder, and the modules of its release beside it', () => {
  mkdirSync(join(folder, 'lib/modules/6.9.9/kernel'), { recursive: true });
  mkdirSync(join(folder, 'lib/modules/1.0.0/kernel'), { recursive: true });
  mkdirSync(join(folder, 'boot'));
  writeFileSync(join(folder, 'boot/vmlinux-6.9.9'), vmlinux('6.9.9'));
  expect(sourceOf(folder)).toEqual({ kind: 'image', file: join(folder, 'boot/vmlinux-6.9.9'), modules: join(folder, 'lib/modules/6.9.9') });
});

it('keeps a kernel once, and another one under the same name beside it', async () => {
  const file = join(folder, 'vmlinux');
  const said: string[] = [];
  const choose = () => chooseKernel(file, (line) => said.push(line), cache());
  writeFileSync(file, vmlinux('9.9.1-test'));
  const first = await choose();
  expect(first).toMatchObject({ word: file, release: '9.9.1-test', origin: expect.stringMatching(/^vmlinux [0-9a-f]{16}$/) });
  expect(readFileSync(first.vmlinux)).toEqual(readFileSync(file));
  expect(readFileSync(join(first.modules, 'modules.dep'), 'utf8')).toBe('');
  const toldOnce = said.length;
  expect(await choose()).toEqual(first);
  expect(said).toHaveLength(toldOnce);
  writeFileSync(file, vmlinux('9.9.2-test'));
  expect((await choose()).release).toBe('9.9.2-test');
});

it('refuses a vmlinux that QEMU can not start', async () => {
  const file = join(folder, 'vmlinux');
  writeFileSync(file, Buffer.concat([elfFile({}, []), Buffer.from('Linux version 9.9.9 (builder)')]));
  await expect(chooseKernel(file, () => {}, cache())).rejects.toMatchObject({
    code: 'kernel-unusable',
    message: expect.stringContaining('PVH'),
  });
});
