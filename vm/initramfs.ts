/**
 * The guest's initramfs, in two archives, one after the other, as the kernel takes them: the constant part (busybox,
 * the modules, init.sh, /etc), and for this very boot a plan (what to mount where) and the command. Unless the
 * supplier has the first ready it is made anew for every boot: 30 ms, which no cache would repay.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cpio, type Entry, foldersOf } from './cpio.js';
import { VmError } from './errors.js';
import type { GuestKernel } from './kernel.js';
import { parseModulesDep } from './modules.js';
import { inSkeleton, OURS, SKELETON, skeletonOf } from './skeleton.js';
import type { GuestSupply } from './supply.js';

/** What init.sh needs to reach the shares, each after what it needs. A module costs 10 to 60 ms under TCG. */
const MODULES_FIRST = ['virtio_pci', '9p', '9pnet_virtio', 'overlay'];

/**
 * Loaded beside a command that is started early. tcp_diag could be loaded on demand, but then the first dump of the daemon under test
 * would pay for it. Whatever else a guest wants (`ip link add type dummy`) comes on demand from the shared folder.
 */
const MODULES_THEN = ['virtio_console', 'tcp_diag', 'udp_diag', 'i6300esb', 'pvpanic_pci'];

export interface GuestPlan {
  /** argv of the command; the first is an absolute path in the guest. */
  readonly command: readonly string[];
  /** The command is started as soon as its shares are mounted; the ports appear when the guest is complete. */
  readonly early: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** 9p mount tag and path of each share. */
  readonly shares: readonly { readonly tag: string; readonly path: string }[];
  /** 9p mount tag of the supplier's store, if it has one. */
  readonly storeTag: string;
  /** 9p mount tag of the kernel's modules. */
  readonly modulesTag: string;
  readonly ports: readonly string[];
  readonly network: boolean;
  /** The guest feeds its watchdog at a sixth of this. */
  readonly hangAfterSeconds: number;
}

/** Archive for one boot. `init` is the text of init.sh. */
export async function initramfs(supply: GuestSupply, plan: GuestPlan, init: string): Promise<Buffer> {
  const constant = supply.initramfs === undefined ? await constantPart(supply, init) : await readFile(supply.initramfs);
  const ofThisBoot = cpio(
    inSkeleton([
      ...skeletonOf(supply.links, plan.shares),
      { kind: 'file', path: `${OURS}/plan`, data: planScript(supply, plan) },
      { kind: 'file', path: `${OURS}/command`, data: commandScript(plan.command, { PATH: supply.path, ...plan.env }) },
    ]),
  );
  return Buffer.concat([constant, ofThisBoot]);
}

/** What depends on the supplier alone. */
export async function constantPart(supply: Pick<GuestSupply, 'busybox' | 'kernel' | 'etc'>, init: string): Promise<Buffer> {
  const known = parseModulesDep(await readFile(join(supply.kernel.modules, 'modules.dep'), 'utf8'));
  // What modules.dep does not know is built into this kernel.
  const paths = (names: readonly string[]): string[] => [...new Set(names.flatMap((name) => known.get(name) ?? []))];
  const first = paths(MODULES_FIRST);
  const then = paths(MODULES_THEN).filter((path) => !first.includes(path));
  return cpio([
    { kind: 'folder', path: 'new' },
    { kind: 'folder', path: 'bin' },
    { kind: 'link', path: 'bin/busybox', target: `../${SKELETON}/${OURS}/busybox` },
    // What is mounted is mounted where it stays; busybox finds itself through /proc until then.
    { kind: 'link', path: 'proc', target: 'new/proc' },
    // The shell gives it to what it runs beside itself.
    { kind: 'folder', path: 'dev' },
    { kind: 'file', path: 'dev/null', data: '' },
    { kind: 'file', path: 'init', data: init, mode: 0o755 },
    ...(await modules(supply.kernel, 'modules', first)),
    ...foldersOf(`${SKELETON}/${OURS}/x`),
    ...inSkeleton([
      { kind: 'file', path: `${OURS}/busybox`, data: await readFile(supply.busybox), mode: 0o755 },
      { kind: 'file', path: `${OURS}/init`, data: init },
      // busybox is what it is called by; the kernel calls this one when it wants a module.
      { kind: 'link', path: `${OURS}/modprobe`, target: 'busybox' },
      ...(await modules(supply.kernel, `${OURS}/modules`, then)),
      ...supply.etc,
    ]),
  ]);
}

/** Modules in `folder`, and `order`, which names them in the order in which they can be loaded. */
async function modules(kernel: GuestKernel, folder: string, paths: readonly string[]): Promise<Entry[]> {
  const files = await Promise.all(
    paths.map(
      async (path): Promise<Entry> => ({
        kind: 'file',
        path: `${folder}/${basename(path)}`,
        data: await readFile(join(kernel.modules, path)),
      }),
    ),
  );
  const order = paths.map((path) => `${basename(path)}\n`).join('');
  return [{ kind: 'folder', path: folder }, { kind: 'file', path: `${folder}/order`, data: order }, ...files];
}

/** The words of init.sh, put together for this boot. */
export function planScript(supply: Pick<GuestSupply, 'bash' | 'kernel' | 'store'>, plan: GuestPlan): string {
  const mounts = [
    ...plan.shares.map(({ tag, path }) => ['share', tag, path]),
    ...(supply.store === undefined ? [] : [['store', plan.storeTag, supply.store.folder, ...supply.store.names]]),
    ['shell', supply.bash],
  ];
  const run = [
    ['read_ahead', ...plan.command.slice(0, 1)],
    ...(plan.early ? [['start']] : []),
    ['later_modules'],
    ['modules', plan.modulesTag, `/lib/modules/${supply.kernel.release}`],
    ['furnish'],
    ['watch', String(Math.ceil(plan.hangAfterSeconds / 6)), String(plan.hangAfterSeconds)],
    ...(plan.network ? [['network']] : []),
    ['ports', ...plan.ports],
    ...(plan.early ? [] : [['start']]),
  ];
  return `plan_mounts() {\n${lines(mounts)}}\nplan_run() {\n${lines(run)}}\n`;
}

function lines(calls: readonly (readonly string[])[]): string {
  return calls.map(([step, ...args]) => `\t${[step, ...args.map(quote)].join(' ')}\n`).join('');
}

/** Runs the command with exactly this environment (and HOME, LANG, unless given). */
export function commandScript(command: readonly string[], env: Readonly<Record<string, string>>): string {
  const program = command[0];
  if (!program?.startsWith('/')) {
    // Busybox would run an applet of its own for a bare name.
    throw new VmError(
      'command-not-absolute',
      `the guest can't be told to run ${program ?? 'nothing'}`,
      'give the absolute path of the program',
    );
  }
  const all = { HOME: '/root', LANG: 'C.UTF-8', ...env };
  const settings = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  return `exec /.netsoak/busybox env -i ${[...settings, ...command].map(quote).join(' ')}\n`;
}

/** A word for the shell that stands for exactly these characters. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
