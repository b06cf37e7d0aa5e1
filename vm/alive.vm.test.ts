/** What is done about a guest that shows nothing. */
import { afterEach, expect, it } from 'vitest';
import { bootAlive } from './alive.js';
import { type BootOptions, boot, type Vm } from './qemu.js';
import { bootGuest, endGuests, isAlive } from './testing/guests.js';

afterEach(endGuests);

/** Holds the CPUs of the first `silent` guests before they have come out of their BIOS. */
class Starts {
  readonly vms: Vm[] = [];
  readonly told: string[] = [];

  constructor(
    private readonly silent: number,
    private readonly silenceSeconds: number,
  ) {}

  readonly boot = (options: BootOptions): Promise<Vm> =>
    bootAlive({ ...options, silenceSeconds: this.silenceSeconds, onSilent: (sentence) => this.told.push(sentence) }, async (each) => {
      const vm = await boot(each);
      this.vms.push(vm);
      if (this.vms.length <= this.silent) await vm.pause();
      return vm;
    });
}

const SAY_HERE = 'cat /proc/cmdline >"$PORT"';
const WHERE = 'it never said a word on its console';

it('starts a silent guest again, with a kernel that tells what it does, and says so', async () => {
  const starts = new Starts(1, 30);
  const guest = await bootGuest(SAY_HERE, {}, starts.boot);
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off', status: 0 });
  expect(starts.vms.map(({ pid }) => pid)).toEqual([expect.any(Number), guest.vm.pid]);
  expect(await starts.vms[0]?.exited).toMatchObject({ kind: 'killed' });
  expect(starts.told).toEqual([
    expect.stringMatching(/^the guest showed nothing on its console in 30 s \(CPU 0 .*, CPU 1 .*; started again$/),
  ]);
  expect(starts.told[0]).toContain(WHERE);
  expect(guest.heard()).not.toContain('quiet');
});

it('gives up after the second and says where it stood', async () => {
  const starts = new Starts(2, 1);
  const failure = await bootGuest(SAY_HERE, {}, starts.boot).catch((error: Error) => error);
  expect(failure).toMatchObject({
    code: 'guest-silent',
    owner: 'infra',
    message: expect.stringMatching(/CPU 0 \w+ at [0-9a-f:]+ with interrupts o.*, CPU 1 .*start 2 of 2/),
  });
  expect(starts.told).toHaveLength(1);
  expect(starts.vms.map(({ pid }) => isAlive(pid))).toEqual([false, false]);
});

it('leaves one alone that shows life, and whose kernel stays quiet', async () => {
  const starts = new Starts(0, 300);
  const guest = await bootGuest(SAY_HERE, {}, starts.boot);
  expect(await guest.vm.exited).toMatchObject({ kind: 'powered-off', status: 0 });
  expect([starts.vms.length, starts.told]).toEqual([1, []]);
  expect(guest.heard()).toContain('quiet');
});
