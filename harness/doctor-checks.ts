/** What `netsoak doctor` makes of what it found: pure, one small judgement after the other. */

/** What was found on a machine. A string in place of a fact is the reason why it is missing. */
export interface Findings {
  /** As Node calls the processor: x64, arm64. */
  readonly arch: string;
  /** Who supplies the parts of a guest. */
  readonly supplier: 'debian' | 'nix';
  readonly node: { readonly version: string; readonly wanted: string; readonly suffices: boolean };
  readonly packages: { readonly lacking?: string };
  readonly dist: { readonly stale?: string };
  /** Why the addon can't be loaded; absent when it can. */
  readonly addon: { readonly fault?: string };
  /** Programs of native/load that are not built. */
  readonly loadMissing: readonly string[];
  readonly qemu: { readonly path: string; readonly version: string } | { readonly fault: string };
  readonly accelerator: { readonly kind: 'kvm' | 'tcg'; readonly reason: string; readonly slowdown: number } | { readonly fault: string };
  readonly kernel: { readonly release?: string };
  readonly programs: {
    readonly xz?: string;
    readonly busybox?: string;
    readonly runc?: string;
    readonly chromium?: string;
    readonly nix?: string;
  };
  readonly privileges: { readonly root: boolean; readonly missing: readonly string[] };
  readonly cgroup2?: string;
  /** Soft and hard RLIMIT_NOFILE (getrlimit(2)). */
  readonly files: { readonly soft: number; readonly hard: number };
  /** net.ipv4.tcp_child_ehash_entries of this namespace; absent before Linux 6.1. */
  readonly childHashEntries?: number;
  readonly runs: Room;
  /** Broker and database that would be used, in words; absent when there is none. */
  readonly pipeline: { readonly broker?: string; readonly database?: string };
  /** For sockets and the guest's initramfs. */
  readonly temporary: Room;
  /** util-linux and iproute2: programs that targets are started with and that are not on PATH. */
  readonly toolsMissing: readonly string[];
  /** Places that killed commands left behind. */
  readonly leftOvers: number;
  /** Scenarios in quarantine with the day since when, or why the file can't be read. */
  readonly quarantine: { readonly entries: readonly string[] } | { readonly fault: string };
}

export interface Room {
  readonly folder: string;
  readonly freeBytes: number;
}

export interface Check {
  readonly name: string;
  /** `note`: works, but somebody may want to know. */
  readonly state: 'ok' | 'note' | 'lacking';
  readonly detail: string;
  /** What to do about it, one sentence; present unless `ok`. */
  readonly cure?: string;
  readonly neededFor: 'vm' | 'host' | 'report' | 'pipeline' | 'nix';
}

const BASE = 'run `npm run setup base`';

/**
 * A short run stores a few MB; a console, a core of the guest and the offending polls of a 12 h run take a few
 * hundred (200 MB is their cap).
 */
const ROOM_FOR_RUNS = 1e9;

/** A run asks for 16 MiB; the set-up unpacks a kernel there, once. */
const ROOM_FOR_TEMPORARY = 64e6;

/** Each namespace of a load holds a few descriptors, each connection two. */
const FEW_FILES = 4096;

export function diagnose(found: Findings): Check[] {
  const { node, packages, dist, addon, qemu, accelerator, kernel, programs, privileges, files } = found;
  return [
    processor(found.arch),
    verdict('Node', 'vm', node.suffices, node.version, `${node.version} is older than ${node.wanted}`, `install Node ${node.wanted}`),
    verdict('npm packages', 'vm', packages.lacking === undefined, 'as the lock file says', packages.lacking ?? '', BASE),
    verdict('compiled program', 'vm', dist.stale === undefined, 'built from these sources', dist.stale ?? '', 'run `npm run build`'),
    verdict('native addon', 'vm', addon.fault === undefined, 'loads', addon.fault ?? '', 'run `npm run build`'),
    verdict(
      'load generator',
      'vm',
      found.loadMissing.length === 0,
      'built',
      `not built: ${found.loadMissing.join(', ')}`,
      'run `npm run build`',
    ),
    'fault' in qemu ? lacking('QEMU', 'vm', qemu.fault, BASE) : ok('QEMU', 'vm', `${qemu.version} (${qemu.path})`),
    acceleratorCheck(accelerator),
    verdict('guest kernel', 'vm', kernel.release !== undefined, kernel.release ?? '', 'none is prepared', BASE),
    program('busybox', 'vm', programs.busybox, BASE),
    // The closure's kernel is unpacked already.
    ...(found.supplier === 'nix' ? [] : [program('xz', 'vm', programs.xz, BASE)]),
    verdict(
      'util-linux, bash and iproute2',
      'vm',
      found.toolsMissing.length === 0,
      'found on PATH',
      `not found on PATH: ${found.toolsMissing.join(', ')}`,
      BASE,
    ),
    verdict(
      'rights for target host',
      'host',
      privileges.root && privileges.missing.length === 0,
      'root',
      privileges.root ? `root without ${privileges.missing.join(', ')}` : 'not root',
      'run as root, or use --target vm, which needs no rights',
    ),
    verdict(
      'cgroup v2',
      'host',
      found.cgroup2 !== undefined,
      `mounted at ${found.cgroup2}`,
      'not mounted',
      'mount it: mount -t cgroup2 none /sys/fs/cgroup/unified',
    ),
    program('runc', 'host', programs.runc, `only loads of containers use it (container-fanout, pipeline): ${BASE}`),
    files.hard >= FEW_FILES
      ? ok('open files', 'host', `at most ${files.soft}, can be raised to ${files.hard}`)
      : note('open files', 'host', `at most ${files.hard}`, 'raise the hard limit of RLIMIT_NOFILE for loads of thousands of connections'),
    childHash(found.childHashEntries),
    room('room for runs', found.runs, ROOM_FOR_RUNS, '`netsoak clean` removes old ones; or choose another place with --out DIR'),
    room('room for temporary files', found.temporary, ROOM_FOR_TEMPORARY, 'or choose another place with TMPDIR=DIR'),
    found.leftOvers === 0
      ? ok('left-overs', 'vm', 'none')
      : note('left-overs', 'vm', `${found.leftOvers} of commands that were killed`, 'run `netsoak clean`'),
    quarantineCheck(found.quarantine),
    program('chromium', 'report', programs.chromium, 'only the tests of the reports use it: run `npm run setup report`'),
    part('broker', found.pipeline.broker),
    part('database', found.pipeline.database),
    program('nix', 'nix', programs.nix, 'only the test of the flake uses it: run `npm run setup nix`'),
  ];
}

/** An honest line rather than a refusal: the flake's outputs for aarch64-linux evaluate, and that is all that anybody has seen of them. */
function processor(arch: string): Check {
  const unseen = 'the aarch64-linux outputs of the flake evaluate and have never been run';
  if (arch === 'x64') return ok('processor', 'vm', `x86_64, where all of this is tested; ${unseen}`);
  return note('processor', 'vm', `${arch}: ${arch === 'arm64' ? unseen : 'never tried'}`, 'use an x86_64 machine for verdicts that count');
}

function acceleratorCheck(found: Findings['accelerator']): Check {
  if ('fault' in found) return lacking('accelerator', 'vm', found.fault, 'see the line above on QEMU');
  const detail = `${found.kind}: ${found.reason}`;
  if (found.kind === 'kvm') return ok('accelerator', 'vm', detail);
  return note(
    'accelerator',
    'vm',
    `${detail}; a guest runs about ${found.slowdown} times slower than this machine, and scenarios are scaled down`,
    'use a machine with working KVM, or --target host, for figures of full size',
  );
}

/**
 * A dump walks the hash table of its network namespace: a host-wide one, unless new namespaces are given small
 * ones of their own by this setting of the namespace that makes them (Linux 6.1).
 */
function childHash(entries: number | undefined): Check {
  const name = 'net.ipv4.tcp_child_ehash_entries';
  if (entries === undefined)
    return note(name, 'host', 'not known to this kernel', 'Linux 6.1 has it; polls of many namespaces are slower without');
  if (entries > 0) return ok(name, 'host', `${entries}`);
  return note(
    name,
    'host',
    '0: new namespaces share the hash table of the host, and each dump walks all of it',
    `for fast polls of many namespaces set it before they are made: sysctl -w ${name}=4096`,
  );
}

/** A quarantine that nobody sees is where tests go to die. */
function quarantineCheck(found: Findings['quarantine']): Check {
  if ('fault' in found) return lacking('quarantine', 'vm', found.fault, 'mend scenarios/quarantine.yaml: no run begins before');
  if (found.entries.length === 0) return ok('quarantine', 'vm', 'no scenario');
  return note('quarantine', 'vm', found.entries.join(', '), 'these fail no job: mend them and take them out of scenarios/quarantine.yaml');
}

function room(name: string, { folder, freeBytes }: Room, wanted: number, otherwise: string): Check {
  const detail = `${gigabytes(freeBytes)} free in ${folder}`;
  return freeBytes >= wanted ? ok(name, 'vm', detail) : lacking(name, 'vm', detail, `free at least ${gigabytes(wanted)}; ${otherwise}`);
}

function part(name: string, what: string | undefined): Check {
  const cure = 'only the pipeline uses it: run `npm run setup pipeline`';
  return what === undefined ? lacking(name, 'pipeline', 'none is there', cure) : ok(name, 'pipeline', what);
}

function program(name: string, neededFor: Check['neededFor'], path: string | undefined, cure: string): Check {
  return path === undefined ? lacking(name, neededFor, 'not found on PATH', cure) : ok(name, neededFor, path);
}

function verdict(name: string, neededFor: Check['neededFor'], good: boolean, whenGood: string, whenBad: string, cure: string): Check {
  return good ? ok(name, neededFor, whenGood) : lacking(name, neededFor, whenBad, cure);
}

function ok(name: string, neededFor: Check['neededFor'], detail: string): Check {
  return { name, state: 'ok', detail, neededFor };
}

function note(name: string, neededFor: Check['neededFor'], detail: string, cure: string): Check {
  return { name, state: 'note', detail, cure, neededFor };
}

function lacking(name: string, neededFor: Check['neededFor'], detail: string, cure: string): Check {
  return { name, state: 'lacking', detail, cure, neededFor };
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
