import { describe, expect, it } from 'vitest';
import { consoleLines, exitOf, type Witnesses } from './exit.js';

const seen = (witnesses: Partial<Witnesses>): Witnesses => ({ events: [], code: 0, signal: null, stderr: '', console: '', ...witnesses });
const shutdown = (reason: string) => ({ event: 'SHUTDOWN', data: { guest: true, reason } });
const PANIC = '[    3.8] Kernel panic - not syncing: sysrq triggered crash\r\n[    3.9] Call Trace:\r\n';

describe('the end of a guest', () => {
  it("is its command's status when it switched itself off", () => {
    const exit = exitOf(
      seen({
        events: [shutdown('guest-shutdown')],
        console: '[    5.1] netsoak-guest: the command ended with status 3\r\n[    5.2] reboot: Power down\n',
      }),
    );
    expect(exit).toEqual({ kind: 'powered-off', status: 3, sentence: "the guest's command ended with status 3" });
  });
  it('has no status when something else switched it off', () => {
    expect(exitOf(seen({ events: [shutdown('guest-shutdown')], console: 'last' }))).toMatchObject({ kind: 'powered-off', status: null });
  });
  it('is not taken from what the command printed itself', () => {
    const console =
      'netsoak-guest: the command ended with status 0 (says the command)\n[ 5.1] netsoak-guest: the command ended with status 1\n';
    expect(exitOf(seen({ events: [shutdown('guest-shutdown')], console }))).toMatchObject({ status: 1 });
  });
  it('is a failed boot, with the step, when init gave up', () => {
    const exit = exitOf(
      seen({
        events: [shutdown('guest-shutdown')],
        console: 'mount: no\n[ 1.0] netsoak-guest: boot failed: mount -t 9p share0\n[ 1.1] reboot: Power down\n',
      }),
    );
    expect(exit).toEqual({ kind: 'boot-failed', reason: 'mount -t 9p share0', sentence: 'the guest did not come up: mount -t 9p share0' });
  });
  it('is a panic, with its cause, told by the panic device', () => {
    const exit = exitOf(seen({ events: [{ event: 'GUEST_PANICKED' }, shutdown('guest-reset')], console: PANIC }));
    expect(exit).toMatchObject({ kind: 'panic', sentence: "the guest's kernel panicked: sysrq triggered crash" });
  });
  it('shows what stood around the cause, however long the trace', () => {
    const trace = (name: string) => Array.from({ length: 60 }, (_, i) => `${name} ${i}`);
    const console = [...trace('oops'), 'Kernel panic - not syncing: x', ...trace('call')].join('\n');
    const exit = exitOf(seen({ events: [{ event: 'GUEST_PANICKED' }], console }));
    expect(exit.kind === 'panic' && exit.console).toEqual(expect.arrayContaining(['oops 59', 'Kernel panic - not syncing: x', 'call 0']));
  });
  it('is a panic when the kernel reset itself before the panic device was there', () => {
    expect(exitOf(seen({ events: [shutdown('guest-reset')], console: 'Decompressing' }))).toMatchObject({
      kind: 'panic',
      sentence: "the guest's kernel reset itself; the last line of its console: Decompressing",
    });
  });
  it('is still a panic when we had to end it after that', () => {
    expect(exitOf(seen({ events: [{ event: 'GUEST_PANICKED' }], endedBy: 'panic', signal: 'SIGKILL', console: PANIC })).kind).toBe('panic');
    expect(exitOf(seen({ events: [{ event: 'GUEST_PANICKED' }], endedBy: 'kill', signal: 'SIGKILL', console: PANIC })).kind).toBe('panic');
  });
  it('is a hang when the watchdog barked, though it was we who killed it then', () => {
    expect(exitOf(seen({ events: [{ event: 'WATCHDOG' }], endedBy: 'watchdog', signal: 'SIGKILL', console: 'still here' }))).toMatchObject({
      kind: 'hang',
      sentence: expect.stringContaining('still here'),
    });
  });
  it.each(['kill', 'stop', 'abort'] as const)('is ours by %s, with the last line for whoever asks where it stood', (endedBy) => {
    expect(exitOf(seen({ endedBy, signal: 'SIGKILL', console: 'waiting for port x\n' }))).toEqual({
      kind: 'killed',
      sentence: 'the guest was ended from outside; the last line of its console: waiting for port x',
    });
  });
  it("is QEMU's failure in QEMU's words", () => {
    expect(exitOf(seen({ code: 1, stderr: 'warning\nqemu-system-x86_64: could not load kernel\n' }))).toEqual({
      kind: 'qemu-failed',
      sentence: 'QEMU ended with status 1: qemu-system-x86_64: could not load kernel',
    });
  });
  it('is not an orderly one when somebody else killed QEMU', () => {
    expect(exitOf(seen({ code: null, signal: 'SIGKILL', console: '' }))).toMatchObject({
      kind: 'qemu-failed',
      sentence: 'QEMU was killed by SIGKILL; it never said a word on its console',
    });
    expect(exitOf(seen({ code: 0, events: [shutdown('host-signal')] })).kind).toBe('qemu-failed');
  });
});

it('reads a console without colours, carriage returns and time stamps', () => {
  expect(consoleLines('\x1b[0m[    1.5] a\r\n\n\x1b[2Jb  \n')).toEqual(['a', 'b']);
});
