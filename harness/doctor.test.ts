import { describe, expect, it } from 'vitest';
import { diagnose, type Findings } from './doctor-checks.js';
import { fileLimits, missingCapabilities } from './doctor-findings.js';

const healthy: Findings = {
  arch: 'x64',
  supplier: 'debian',
  node: { version: '20.20.0', wanted: '>=20.19', suffices: true },
  packages: {},
  dist: {},
  addon: {},
  loadMissing: [],
  qemu: { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22' },
  accelerator: { kind: 'kvm', reason: 'KVM runs guest code', slowdown: 1 },
  kernel: { release: '6.1.0-50-amd64' },
  programs: { xz: '/usr/bin/xz', busybox: '/usr/bin/busybox', runc: '/usr/sbin/runc', chromium: '/usr/bin/chromium', nix: '/usr/bin/nix' },
  privileges: { root: true, missing: [] },
  cgroup2: '/sys/fs/cgroup',
  files: { soft: 1024, hard: 1_048_576 },
  childHashEntries: 4096,
  runs: { folder: 'reports/runs', freeBytes: 50e9 },
  temporary: { folder: '/tmp', freeBytes: 50e9 },
  toolsMissing: [],
  leftOvers: 0,
  quarantine: { entries: [] },
  pipeline: { broker: 'Apache Kafka', database: 'chdb' },
};

const trouble = (change: Partial<Findings>): string[] =>
  diagnose({ ...healthy, ...change })
    .filter(({ state }) => state !== 'ok')
    .map(({ name, state, neededFor }) => `${name}: ${state} for ${neededFor}`);

describe('netsoak doctor', () => {
  it('has nothing to say about a machine that has all', () => {
    expect(trouble({})).toEqual([]);
  });

  it.each<[string, Partial<Findings>, string]>([
    ['an old Node', { node: { version: '18.0.0', wanted: '>=20.19', suffices: false } }, 'Node: lacking for vm'],
    ['a missing npm package', { packages: { lacking: 'node_modules/zod is missing' } }, 'npm packages: lacking for vm'],
    ['sources newer than dist', { dist: { stale: 'sources have changed' } }, 'compiled program: lacking for vm'],
    ['an addon that does not load', { addon: { fault: 'no such file' } }, 'native addon: lacking for vm'],
    ['a load generator that is not built', { loadMissing: ['netsoak-relay'] }, 'load generator: lacking for vm'],
    ['no QEMU', { qemu: { fault: 'not on PATH' } }, 'QEMU: lacking for vm'],
    ['a QEMU that runs nothing', { accelerator: { fault: 'runs no guest code' } }, 'accelerator: lacking for vm'],
    ['emulation', { accelerator: { kind: 'tcg', reason: 'KVM hangs', slowdown: 15 } }, 'accelerator: note for vm'],
    ['no guest kernel', { kernel: {} }, 'guest kernel: lacking for vm'],
    ['an ordinary user', { privileges: { root: false, missing: ['CAP_SYS_ADMIN'] } }, 'rights for target host: lacking for host'],
    ['a root without its rights', { privileges: { root: true, missing: ['CAP_SYS_ADMIN'] } }, 'rights for target host: lacking for host'],
    ['few open files', { files: { soft: 1024, hard: 1024 } }, 'open files: note for host'],
    ['a hash table for all', { childHashEntries: 0 }, 'net.ipv4.tcp_child_ehash_entries: note for host'],
    ['a full disk', { runs: { folder: 'reports/runs', freeBytes: 1e6 } }, 'room for runs: lacking for vm'],
    ['full temporary files', { temporary: { folder: '/tmp', freeBytes: 1e6 } }, 'room for temporary files: lacking for vm'],
    ['no unshare', { toolsMissing: ['unshare'] }, 'util-linux, bash and iproute2: lacking for vm'],
    ['what killed commands left', { leftOvers: 2 }, 'left-overs: note for vm'],
    ['a scenario in quarantine', { quarantine: { entries: ['churn since 2026-01-01'] } }, 'quarantine: note for vm'],
    ['a quarantine that is no list', { quarantine: { fault: 'not YAML' } }, 'quarantine: lacking for vm'],
    ['a processor that nobody has tried', { arch: 'arm64' }, 'processor: note for vm'],
    ['no broker', { pipeline: { database: 'chdb' } }, 'broker: lacking for pipeline'],
    ['no database', { pipeline: { broker: 'Apache Kafka' } }, 'database: lacking for pipeline'],
    ['no runc', { programs: { xz: '/x', busybox: '/b', chromium: '/c', nix: '/n' } }, 'runc: lacking for host'],
    ['no browser and no nix', { programs: { xz: '/x', busybox: '/b', runc: '/r' } }, 'chromium: lacking for report'],
  ])('tells of %s', (_, change, line) => {
    expect(trouble(change)).toContain(line);
  });

  it('gives every line that is not in order a cure', () => {
    const { cgroup2: _, childHashEntries: __, ...rest } = healthy;
    const bare: Findings = {
      ...rest,
      arch: 'arm64',
      node: { version: '18.0.0', wanted: '>=20.19', suffices: false },
      packages: { lacking: 'x' },
      dist: { stale: 'x' },
      addon: { fault: 'x' },
      loadMissing: ['x'],
      qemu: { fault: 'x' },
      accelerator: { fault: 'x' },
      kernel: {},
      programs: {},
      privileges: { root: false, missing: [] },
      files: { soft: 1, hard: 1 },
      runs: { folder: 'x', freeBytes: 0 },
      temporary: { folder: 'x', freeBytes: 0 },
      toolsMissing: ['x'],
      leftOvers: 1,
      quarantine: { fault: 'x' },
      pipeline: {},
    };
    const checks = diagnose(bare);
    expect(checks).toHaveLength(diagnose(healthy).length);
    for (const check of checks)
      expect(check, check.name).toMatchObject({ state: expect.not.stringMatching('ok'), cure: expect.stringMatching(/\w/) });
  });
});

describe('what doctor reads in /proc', () => {
  it('finds the capabilities that a reduced root lacks', () => {
    expect(missingCapabilities('CapEff:\t000001ffffffffff\n')).toEqual([]);
    expect(missingCapabilities('CapInh:\t0\nCapEff:\t0000000000001000\n')).toEqual(['CAP_SYS_PTRACE', 'CAP_SYS_ADMIN']);
  });

  it('reads limits, unlimited ones too', () => {
    expect(
      fileLimits('Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files\n'),
    ).toEqual({
      soft: 1024,
      hard: Number.POSITIVE_INFINITY,
    });
  });
});
