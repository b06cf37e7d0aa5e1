/**
 * Boots a microVM and tells how it ended. The guest runs one command in a copy-on-write view of this machine's
 * programs, speaks to the outside through named ports, and leaves nothing behind. Needs no root.
 */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { qemuArguments } from './command-line.js';
import { VmError } from './errors.js';
import { consoleLines, exitOf, lastWords, type VmExit, type Witnesses } from './exit.js';
import { initramfs } from './initramfs.js';
import { Qmp, type QmpEvent } from './qmp.js';
import { checkShares, nodeFolder, outsideStore, projectFolder, type Share } from './shares.js';
import { type GuestSupply, guestSupply } from './supply.js';
import { tscKhz } from './tsc.js';
import { whereabouts } from './whereabouts.js';

export type { VmExit } from './exit.js';

export interface Port {
  /** In the guest: /dev/virtio-ports/NAME. */
  readonly name: string;
  /** Path of a Unix socket on which the caller listens before it calls {@link boot}; QEMU connects once, at its start. */
  readonly socket: string;
}

export interface BootOptions {
  readonly accelerator: 'kvm' | 'tcg';
  /** What to run, argv; the program by its absolute path. */
  readonly command: readonly string[];
  /**
   * Started as soon as its shares are mounted, beside the last steps of init, which it has to wait for: they are done when its ports are there.
   * Default false: started when the guest is complete.
   */
  readonly early?: boolean;
  /** File that gets the guest's console, truncated first. The command's stdout and stderr go there too. */
  readonly consoleLog: string;
  /** Default 2. */
  readonly cpus?: number;
  /** The command's environment, besides PATH, HOME and LANG. Nothing of ours is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** A guest kernel that runs nobody for so long hangs. Default 60; the guest's clock counts, so a slow guest is no hang. */
  readonly hangAfterSeconds?: number;
  /** The kernel tells on the console all that it does, which under TCG takes two seconds. Default false. */
  readonly loud?: boolean;
  /** Default 1024. */
  readonly memoryMiB?: number;
  /** User network with the outside's loopback as 10.0.2.2. Default false: no network device at all. */
  readonly network?: boolean;
  readonly ports: readonly Port[];
  /** Folders of this machine that the guest sees read-only at the same path, besides /usr and its kin. Default: Node's and the project. */
  readonly shares?: readonly Share[];
  /** Ends the guest, at any time. A limit for the boot is the caller's: `AbortSignal.timeout` or one that a first message disarms. */
  readonly signal: AbortSignal;
  /** Default: the Nix closure that NETSOAK_SUPPLY names, else this machine's Debian packages. */
  readonly supply?: GuestSupply;
  /** Folder for files that live as long as the guest boots. */
  readonly workDir: string;
}

export interface Vm {
  readonly pid: number;
  /** When it was powered on: `performance.now()`, as QEMU was started with all that it needs. */
  readonly poweredOnAt: number;
  /** Never rejects. */
  readonly exited: Promise<VmExit>;
  /** Ends the guest in QEMU's order (ports flushed and closed); by force when that takes more than two seconds. */
  stop(): Promise<VmExit>;
  /** Ends it at once. */
  kill(): Promise<VmExit>;
  /** Stops its CPUs; the guest's clocks stand still and its watchdog waits. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  isRunning(): Promise<boolean>;
  /**
   * Stops its CPUs and says where they stand (or that QEMU does not answer), what CPU time QEMU had (one that spins had much, one that waits
   * or came to no turn had little) and what the console said last, for people. Never rejects.
   */
  whereabouts(): Promise<string>;
  /** Writes the guest's memory to `file`, as a compressed kdump in makedumpfile's flattened form, which crash(8) reads; the guest stands still meanwhile. */
  dump(file: string): Promise<void>;
}

/** QEMU is given so long to answer, and to end by itself before it is killed: after `quit`, and after a panic. */
const GRACE_MS = 2000;

/** sizeof(sockaddr_un.sun_path) with its final zero (linux/un.h). */
const SUN_PATH = 108;

/**
 * Starts the guest. Resolves when QEMU runs (the guest has only begun to boot: its command will tell when it is
 * there), rejects with a {@link VmError} when it can't be started and with the signal's reason when aborted.
 */
export async function boot(options: BootOptions): Promise<Vm> {
  options.signal.throwIfAborted();
  for (const { name, socket } of options.ports) checkSocketPath(name, socket);
  const supply = options.supply ?? (await guestSupply());
  const extra = options.shares ?? [{ path: nodeFolder() }, { path: projectFolder() }];
  const folders = [...supply.folders.map((path) => ({ path })), ...outsideStore(extra, supply.store)];
  const shares = checkShares(folders).map((path, i) => ({ tag: `share${i}`, path }));
  const store = supply.store === undefined ? [] : [{ tag: 'store', path: supply.store.folder }];
  const modules = { tag: 'modules', path: supply.kernel.modules };
  mkdirSync(options.workDir, { recursive: true });
  const archive = join(options.workDir, 'initramfs');
  const plan = {
    command: options.command,
    early: options.early ?? false,
    env: options.env ?? {},
    hangAfterSeconds: options.hangAfterSeconds ?? 60,
    modulesTag: modules.tag,
    network: options.network ?? false,
    ports: options.ports.map(({ name }) => name),
    shares,
    storeTag: 'store',
  };
  await writeFile(archive, await initramfs(supply, plan, await readFile(join(projectFolder(), 'vm/init.sh'), 'utf8')));
  const khz = options.accelerator === 'tcg' ? await tscKhz(supply.qemu) : undefined;
  options.signal.throwIfAborted();
  const vm = start(
    supply.qemu,
    qemuArguments({
      accelerator: options.accelerator,
      consoleLog: options.consoleLog,
      cpus: options.cpus ?? 2,
      exports: [...shares, ...store, modules],
      initramfs: archive,
      loud: options.loud ?? false,
      memoryMiB: options.memoryMiB ?? 1024,
      network: plan.network,
      ports: options.ports,
      tscKhz: khz,
      qmpFd: QMP_FD,
      vmlinux: supply.kernel.vmlinux,
    }),
    options,
  );
  try {
    await vm.ready;
  } finally {
    // QEMU has read it by the time it greets.
    await rm(archive, { force: true });
  }
  return vm;
}

const QMP_FD = 3;

/**
 * QEMU dies with us: the kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG), whatever the
 * cause. Had we died before that was set, the shell finds another parent and stops there.
 */
const WITH_PARENT = ['--pdeathsig', 'KILL', 'sh', '-c', '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"', 'sh', String(process.pid)];

function start(qemu: string, args: readonly string[], { consoleLog, signal }: BootOptions): Vm & { ready: Promise<void> } {
  const poweredOnAt = performance.now();
  const child = spawn('setpriv', [...WITH_PARENT, qemu, ...args], {
    // A group of its own: ^C on the terminal reaches the harness alone, which then decides.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const events: QmpEvent[] = [];
  let endedBy: Witnesses['endedBy'];
  let stderr = '';
  const end = (cause: NonNullable<Witnesses['endedBy']>): void => {
    endedBy ??= cause;
    child.kill('SIGKILL');
  };
  const qmp = new Qmp(child.stdio[QMP_FD] as Duplex, (event) => {
    events.push(event);
    if (event.event === 'WATCHDOG') end('watchdog');
    // The kernel now prints its trace and then ends QEMU; if even that fails, we do.
    if (event.event === 'GUEST_PANICKED') setTimeout(() => end('panic'), GRACE_MS).unref();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-4000);
  });
  const abort = (): void => end('abort');
  signal.addEventListener('abort', abort, { once: true });
  const exited = new Promise<VmExit>((done) => {
    const finish = (code: number | null, killedBy: string | null): void => {
      signal.removeEventListener('abort', abort);
      done(exitOf({ events, endedBy, code, signal: killedBy, stderr, console: tailOf(consoleLog) }));
    };
    child.once('error', (error) => {
      stderr = error.message;
      finish(null, null);
    });
    child.once('close', finish);
  });
  const ready = qmp.ready.catch(async () => {
    const exit = await exited;
    signal.throwIfAborted();
    throw new VmError('qemu-failed', exit.sentence, "the sentence is QEMU's own; `netsoak doctor` looks for what is missing");
  });
  return {
    pid: child.pid ?? 0,
    poweredOnAt,
    exited,
    ready,
    stop: async () => {
      endedBy ??= 'stop';
      qmp.execute('quit').catch(() => {});
      const timer = setTimeout(() => end('stop'), GRACE_MS);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
    pause: async () => void (await qmp.execute('stop')),
    resume: async () => void (await qmp.execute('cont')),
    isRunning: async () => ((await qmp.execute('query-status')) as { readonly running: boolean }).running,
    whereabouts: async () => {
      const late = delay(GRACE_MS, undefined, { ref: false }).then(() => 'QEMU does not answer');
      const told = cpusStopped(qmp).catch((error: Error) => error.message);
      return `${await Promise.race([told, late])}; QEMU had ${cpuSeconds(child.pid)} s of CPU time${lastWords(consoleLines(tailOf(consoleLog)))}`;
    },
    dump: async (file) => void (await qmp.execute('dump-guest-memory', { paging: false, protocol: `file:${file}`, format: 'kdump-zlib' })),
    kill: () => {
      end('kill');
      return exited;
    },
  };
}

/** Emulation brings a running CPU's registers up to date only now and then, and always when it stops. */
async function cpusStopped(qmp: Qmp): Promise<string> {
  await qmp.execute('stop');
  return whereabouts(String(await qmp.execute('human-monitor-command', { 'command-line': 'info registers -a' })));
}

/** User and system time of a process so far; `no` for one that is gone. */
function cpuSeconds(pid: number | undefined): string {
  try {
    // proc(5): fields 14 and 15, in ticks of 1/100 s; the name in field 2 may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) / 100).toFixed(1);
  } catch {
    return 'no';
  }
}

function checkSocketPath(name: string, socket: string): void {
  if (Buffer.byteLength(socket) < SUN_PATH) return;
  throw new VmError(
    'socket-path-too-long',
    `the socket of port ${name} has a path of more than ${SUN_PATH - 1} bytes: ${socket}`,
    'put it below /tmp',
  );
}

/** The last 16 KiB of a file; empty when there is none. */
function tailOf(path: string): string {
  try {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.alloc(Math.min(size, 16384));
      readSync(fd, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8');
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
