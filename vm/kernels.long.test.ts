/** Kernels that a user names, fetched from the suites of the machine's mirror, each booted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { chooseKernel } from './chosen-kernel.js';
import { guestSupply, withKernel } from './supply.js';
import { bootGuest, endGuests } from './testing/guests.js';

afterEach(endGuests);

it.each([
  ['linux-image-amd64/bullseye', /^5\.10\./],
  ['linux-image-amd64/trixie', /^6\.12\./],
])('%s boots, with modules on demand', async (word, release) => {
  const kernel = await chooseKernel(word, () => {});
  expect(kernel.release).toMatch(release);
  const supply = withKernel(await guestSupply(), kernel);
  const guest = await bootGuest(
    'uname -r >"$PORT"; ip link add d0 type dummy && tc qdisc add dev d0 root netem loss 1% && echo made >"$PORT"',
    { supply },
  );
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off' });
  expect(guest.heard()).toBe(`${kernel.release}\nmade\n`);
});

it('a vmlinux is told by its banner', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-kernel-test-'));
  try {
    const { kernel } = await guestSupply();
    const same = await chooseKernel(kernel.vmlinux, () => {}, { own: folder, readable: [folder] });
    expect(same.release).toBe(kernel.release);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
