/** QEMU's argv for one guest. Pure, so that what a guest is made of can be read and tested in one place. */

export interface Machine {
  readonly accelerator: 'kvm' | 'tcg';
  readonly cpus: number;
  /** Of the time stamp counter; undefined leaves it to the kernel to find out. */
  readonly tscKhz: number | undefined;
  /** The kernel tells all that it does. */
  readonly loud: boolean;
  readonly memoryMiB: number;
  readonly vmlinux: string;
  readonly initramfs: string;
  readonly consoleLog: string;
  /** Folders exported read-only, by 9p mount tag. */
  readonly exports: readonly { readonly tag: string; readonly path: string }[];
  readonly ports: readonly { readonly name: string; readonly socket: string }[];
  readonly network: boolean;
  /** File descriptor of a connected socket on which QEMU speaks QMP. */
  readonly qmpFd: number;
}

/** Kernel parameters (Documentation/admin-guide/kernel-parameters.txt), each with the fault it prevents. */
const KERNEL = [
  'console=ttyS0',
  // A panic ends QEMU (which runs with -no-reboot) instead of standing there until a time limit.
  'panic=-1',
  // An oops kills whoever was running and leaves its locks held; the run would go on and mean nothing.
  'oops=panic',
  // Nobody but us is in the guest; under TCG each return from the kernel would pay for them.
  'mitigations=off',
  // Half of the instructions of a boot are self-tests of ciphers that no guest uses.
  'cryptomgr.notests',
  // init's lines must not fall to the rate limit of /dev/kmsg.
  'printk.devkmsg=on',
];

// A serial console under TCG costs 0.1 ms a character: the whole boot log 2 s. Panics are shown nevertheless.
const QUIET = 'quiet';

/** From its first steps on, not only from where it has found its console. */
const LOUD = 'earlyprintk=ttyS0';

/** With KVM the kernel has a clock of KVM's and needs no help; that its start is shortened too is for TCG's slowness. */
const KERNEL_UNDER_TCG = [
  // On a busy machine the emulated timer is late when the kernel tests it; the kernel then does without.
  'no_timer_check',
  // TCG's time stamp counter is the machine's own, the same on every CPU, but the kernel distrusts it and takes the
  // ACPI timer: 7 us instead of 2 us for each look at the clock, and all CPUs wait for each other in QEMU.
  'tsc=reliable',
  // The kernel walks all its page tables to see that none is both writable and executable: 0.13 s.
  'rodata=off',
  `initcall_blacklist=${[
    // Certificates, keys and self-tests of ciphers, for modules' signatures (ours have none) and for what no guest uses: 0.2 s.
    'load_system_certificate_list',
    'crypto_kdf108_init',
    'init_encrypted',
    'digsig_init',
    // Keyboard and mouse.
    'i8042_init',
    'mousedev_init',
  ].join(',')}`,
];

/** With the frequency given (Linux 5.9) the kernel does not race the emulated PIT for it, which on a busy machine it loses: see tsc.ts. */
function underTcg(tscKhz: number | undefined): string[] {
  return tscKhz === undefined ? KERNEL_UNDER_TCG : [...KERNEL_UNDER_TCG, `tsc_early_khz=${tscKhz}`];
}

/**
 * All that TCG can, but for two things that emulation makes dear: `rep movsb` moves a byte a turn, which a kernel that sees ERMS prefers to eight
 * bytes a turn, and LA57 adds a level to each walk of the page tables. Power-on to the agent's first answer on a
 * busy machine: 11.4 -> 10.1 s of CPU time (medians of 9 pairs).
 */
const CPU_UNDER_TCG = 'max,-erms,-la57';

export function qemuArguments(m: Machine): string[] {
  // QEMU 7.2 hangs with some machines at exactly 2 GiB (microvm.nix #171).
  const memory = `${m.memoryMiB === 2048 ? 2047 : m.memoryMiB}M`;
  return [
    // Nothing that we did not ask for: no floppy, no VGA, no network, no user's config file.
    '-nodefaults',
    '-no-user-config',
    ...['-display', 'none'],
    '-no-reboot',
    // Without HPET the kernel does not calibrate its clocks against one: 0.1 s. SATA and SMBus nobody uses.
    ...['-machine', `q35,hpet=off,sata=off,smbus=off${m.accelerator === 'tcg' ? ',memory-backend=ram' : ''}`],
    // SeaBIOS looks for disks and screens before it starts the kernel: 0.09 s under TCG.
    ...(m.accelerator === 'tcg' ? ['-bios', 'qboot.rom'] : []),
    ...['-accel', m.accelerator === 'tcg' ? 'tcg,thread=multi' : 'kvm'],
    ...['-cpu', m.accelerator === 'tcg' ? CPU_UNDER_TCG : 'host'],
    ...['-smp', String(m.cpus)],
    ...['-m', memory],
    // Small pages under TCG, whose own page tables are what costs: a huge one is cleared as a whole at its first touch, which a machine that gave
    // its free memory back to a hypervisor pays for with 4 ms each, 0.7 s of a boot. KVM keeps huge ones, for the processor's page tables.
    ...(m.accelerator === 'tcg' ? ['-object', `memory-backend-memfd,id=ram,size=${memory},share=on`] : []),
    ...['-kernel', m.vmlinux],
    ...['-initrd', m.initramfs],
    ...['-append', [...KERNEL, m.loud ? LOUD : QUIET, ...(m.accelerator === 'tcg' ? underTcg(m.tscKhz) : [])].join(' ')],
    ...['-chardev', `file,id=console,path=${value(m.consoleLog)}`, '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=qmp,fd=${m.qmpFd}`, '-mon', 'chardev=qmp,mode=control'],
    // A panic and a hang are told as events; we act on them, so that their cause is not lost in a reset.
    ...['-device', 'pvpanic-pci', '-device', 'i6300esb', '-action', 'panic=none,watchdog=none'],
    ...['-device', 'virtio-serial-pci'],
    ...m.ports.flatMap(({ name, socket }, i) => [
      ...['-chardev', `socket,id=port${i},path=${value(socket)},server=off`],
      ...['-device', `virtserialport,chardev=port${i},name=${value(name)}`],
    ]),
    ...m.exports.flatMap(({ tag, path }) => [
      // remap: a folder may span file systems, whose inode numbers would otherwise collide in the guest.
      ...['-fsdev', `local,id=${tag},path=${value(path)},security_model=none,readonly=on,multidevs=remap`],
      ...['-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
    ]),
    ...(m.network ? ['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='] : []),
  ];
}

/** In QEMU's option lists a comma ends the value; two stand for one. */
function value(text: string): string {
  return text.replaceAll(',', ',,');
}
