/**
 * What a guest is made of, for vm/nix-supply.ts: `out`/kernel (nixpkgs' kernel, unpacked, with the modules that a
 * guest may want), `out`/initramfs (its constant part), `out`/closure (the paths that the guest sees of the store) and
 * `out`/supply.json, which names all of it. `vm` is vm/ alone, compiled.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attribute } from './tools.mjs';

const out = attribute('out');
const vm = join(attribute('vm'), 'lib/netsoak');
const { keepKernel } = await import(join(vm, 'dist/vm/kernel.js'));
const { constantPart } = await import(join(vm, 'dist/vm/initramfs.js'));
const { ownEtc } = await import(join(vm, 'dist/vm/debian-supply.js'));

const IMAGES = ['bzImage', 'Image', 'vmlinux'];
const image = IMAGES.map((name) => join(attribute('kernel'), name)).find(existsSync);
if (image === undefined) throw new Error(`the kernel package holds none of ${IMAGES.join(', ')}`);
const allModules = join(attribute('modules'), 'lib/modules');
const [release] = readdirSync(allModules);

mkdirSync(join(out, 'kernel'), { recursive: true });
const kernel = await keepKernel(image, join(allModules, release), release, join(out, 'kernel'), (line) => console.log(line));
const busybox = attribute('busybox');
const init = readFileSync(join(vm, 'vm/init.sh'), 'utf8');
writeFileSync(join(out, 'initramfs'), await constantPart({ busybox, kernel, etc: ownEtc() }, init));
writeFileSync(
  join(out, 'supply.json'),
  `${JSON.stringify(
    {
      qemu: attribute('qemu'),
      busybox,
      bash: attribute('bash'),
      initramfs: join(out, 'initramfs'),
      kernel: { release, image: kernel.vmlinux, modules: kernel.modules },
      store: attribute('store'),
      closure: join(attribute('closure'), 'store-paths'),
      path: attribute('guestPath').split(':'),
      links: { 'usr/bin/env': attribute('env') },
    },
    null,
    2,
  )}\n`,
);
