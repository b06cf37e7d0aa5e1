/** A guest held from outside: it stands still, goes on, and its memory can be had. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { bootGuest, endGuests } from './testing/guests.js';

afterEach(endGuests);

it('stands still when it is paused, gives its memory, and goes on', async () => {
  const guest = await bootGuest('exec 3>"$PORT"; i=0; while :; do i=$((i+1)); echo "tick $i." >&3; sleep 0.2; done', { memoryMiB: 256 });
  await guest.hear('tick 3.');
  await guest.vm.pause();
  expect(await guest.vm.isRunning()).toBe(false);
  // What was under way has come by now; nothing follows.
  await delay(500);
  const before = guest.heard();
  await delay(1500);
  expect(guest.heard()).toBe(before);
  const file = join(guest.folder, 'memory');
  await guest.vm.dump(file);
  // makedumpfile's flattened form.
  expect(firstBytes(file, 12)).toBe('makedumpfile');
  await guest.vm.resume();
  expect(await guest.vm.isRunning()).toBe(true);
  const last = Number(/tick (\d+)\.\n$/.exec(before)?.[1]);
  await guest.hear(`tick ${last + 3}.`);
});

function firstBytes(file: string, count: number): string {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(count);
    readSync(fd, bytes, 0, count, 0);
    return bytes.toString('latin1');
  } finally {
    closeSync(fd);
  }
}
