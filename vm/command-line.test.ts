import { describe, expect, it } from 'vitest';
import { type Machine, qemuArguments } from './command-line.js';

const machine = (changes: Partial<Machine>): Machine => ({
  accelerator: 'tcg',
  consoleLog: '/run/console.log',
  cpus: 2,
  tscKhz: 2_300_000,
  exports: [],
  initramfs: '/i',
  loud: false,
  memoryMiB: 1024,
  network: false,
  ports: [],
  qmpFd: 3,
  vmlinux: '/vmlinux',
  ...changes,
});
const argument = (args: readonly string[], flag: string): string | undefined => args[args.indexOf(flag) + 1];

describe("QEMU's arguments", () => {
  it('take the CPU that belongs to the accelerator', () => {
    expect(argument(qemuArguments(machine({ accelerator: 'kvm' })), '-cpu')).toBe('host');
    expect(argument(qemuArguments(machine({ accelerator: 'tcg' })), '-cpu')).toBe('max,-erms,-la57');
  });
  it("help the kernel's clocks under TCG only", () => {
    expect(argument(qemuArguments(machine({ accelerator: 'tcg' })), '-append')).toContain('tsc=reliable');
    expect(argument(qemuArguments(machine({ accelerator: 'kvm' })), '-append')).not.toContain('tsc=reliable');
  });
  it("tell the kernel TCG's frequency where it is known", () => {
    expect(argument(qemuArguments(machine({ accelerator: 'tcg' })), '-append')).toContain('tsc_early_khz=2300000');
    expect(argument(qemuArguments(machine({ accelerator: 'tcg', tscKhz: undefined })), '-append')).not.toContain('tsc_early');
    expect(argument(qemuArguments(machine({ accelerator: 'kvm' })), '-append')).not.toContain('tsc_early');
  });
  it('keep the kernel quiet, unless it is to tell all from its first step on', () => {
    expect(argument(qemuArguments(machine({})), '-append')?.split(' ')).toContain('quiet');
    const loud = argument(qemuArguments(machine({ loud: true })), '-append')?.split(' ');
    expect(loud).toContain('earlyprintk=ttyS0');
    expect(loud).not.toContain('quiet');
  });
  it('export every folder read-only', () => {
    const folders = qemuArguments(
      machine({
        exports: [
          { tag: 'a', path: '/usr' },
          { tag: 'b', path: '/srv' },
        ],
      }),
    ).filter((arg) => arg.startsWith('local,'));
    expect(folders).toHaveLength(2);
    for (const folder of folders) expect(folder).toContain(',readonly=on');
  });
  it('keep a comma in a path', () => {
    expect(qemuArguments(machine({ consoleLog: '/a,b' }))).toContain('file,id=console,path=/a,,b');
  });
  it('never ask for the 2 GiB that hang', () => {
    expect(argument(qemuArguments(machine({ memoryMiB: 2048 })), '-m')).toBe('2047M');
    expect(argument(qemuArguments(machine({ memoryMiB: 3072 })), '-m')).toBe('3072M');
  });
  it('give no network device unless asked', () => {
    expect(qemuArguments(machine({})).join(' ')).not.toContain('virtio-net');
    expect(qemuArguments(machine({ network: true })).join(' ')).toContain('virtio-net');
  });
  it('connect each port to its socket', () => {
    const args = qemuArguments(
      machine({
        ports: [
          { name: 'x', socket: '/s/x' },
          { name: 'y', socket: '/s/y' },
        ],
      }),
    );
    expect(args).toContain('socket,id=port1,path=/s/y,server=off');
    expect(args).toContain('virtserialport,chardev=port1,name=y');
  });
});
