/** What operators get, held to the tools that they will hold it to: promtool, systemd-analyze, and the rights that the unit gives. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Daemon, PROGRAM } from '../daemon.test-support.js';
import { World } from '../world.test-support.js';
import { allMetrics, metricOf } from './metrics.test-support.js';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const UNIT = join(FOLDER, 'netsoakd.service');

/** In PATH, or where set-up keeps what it fetched. */
function program(name: string): string | undefined {
  const cache = process.getuid?.() === 0 ? [] : [join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'netsoak')];
  return [...(process.env.PATH ?? '').split(delimiter), ...cache, '/var/cache/netsoak']
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
const promtool = program('promtool');
const systemdAnalyze = program('systemd-analyze');
/** Where tests count, a tool that is missing is a failure and not a reason to look away. */
const strict = process.env.CI === 'true';

let world: World;
let dir: string;
beforeAll(async () => {
  world = await World.open();
  dir = mkdtempSync(join(tmpdir(), 'netsoakd-packaging-'));
});
afterAll(async () => {
  await world.close();
  rmSync(dir, { recursive: true });
});

describe.skipIf(promtool === undefined && !strict)('promtool (npm run setup report)', () => {
  const check = (words: readonly string[], input?: string) => {
    const { status, stdout, stderr } = spawnSync(promtool as string, words, { encoding: 'utf8', cwd: FOLDER, input });
    return { status, said: stdout + stderr };
  };

  it('finds the rules right, and each alert fires for a sick host and for no healthy one', () => {
    expect(check(['check', 'rules', '--lint-fatal', 'rules.yml'])).toMatchObject({ status: 0 });
    expect(check(['test', 'rules', 'rules.test.yml'])).toEqual({ status: 0, said: expect.stringContaining('SUCCESS') });
  });

  it('has nothing to say against the metrics of a daemon that does everything, and the page knows them all', async () => {
    const flags = [
      '--interval',
      '50ms',
      '--export',
      'null',
      '--closed',
      'true',
      '--if-mode',
      'observe',
      '--control-socket',
      join(dir, 'control.sock'),
    ];
    const daemon = await Daemon.start(world, [...flags, '--lock-dir', dir]);
    await daemon.polls(2);
    const { text } = await daemon.get('/metrics');
    daemon.signal('SIGTERM');
    expect(await daemon.ended()).toBe(0);
    const known = allMetrics();
    const series = new Set([...text.matchAll(/^([a-z_0-9]+)(?:\{| )/gm)].map(([, name]) => name as string));
    expect([...series].filter((name) => metricOf(name, known) === undefined)).toEqual([]);
    // Names of the ancestor, which its dashboards ask for.
    const own = text
      .split('\n')
      .filter((line) => !/\bhypeman_/.test(line))
      .join('\n');
    expect(check(['check', 'metrics'], own)).toEqual({ status: 0, said: '' });
  });
});

describe.skipIf(systemdAnalyze === undefined && !strict)('the systemd unit', () => {
  it('is well-formed', () => {
    // The program need not be installed here: put the one that is in its place.
    const unit = join(dir, 'netsoakd.service');
    writeFileSync(unit, readFileSync(UNIT, 'utf8').replace('/usr/bin/netsoakd', process.execPath));
    const { status, stderr } = spawnSync(systemdAnalyze as string, ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('is exposed to at most 3.0 of 10', () => {
    const { status, stdout } = spawnSync(systemdAnalyze as string, ['security', '--offline=true', '--threshold=30', UNIT], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('Overall exposure level');
    expect(status).toBe(0);
  });
});

it('the rights of the unit are enough: another user reads every namespace, without a warning', async () => {
  const line = /^AmbientCapabilities=(.*)$/m.exec(readFileSync(UNIT, 'utf8'))?.[1] ?? '';
  const caps = line
    .split(' ')
    .map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)
    .join();
  const namespaces = world.namespaces();
  const [name = ''] = namespaces.addMany(3);
  await namespaces.connect(name, 2);
  const drop = [
    'setpriv',
    '--reuid',
    '65534',
    '--clear-groups',
    '--inh-caps',
    `-all,${caps}`,
    '--ambient-caps',
    `-all,${caps}`,
    '--bounding-set',
    `-all,${caps}`,
  ];
  const [enter, ...rest] = [
    ...world.enter,
    ...drop,
    process.execPath,
    PROGRAM,
    '--interval',
    '50ms',
    '--export',
    'null',
    '--closed',
    'true',
  ];
  const child = spawn(enter as string, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: { level: string; msg: string; metrics?: string }[] = [];
  try {
    for await (const said of createInterface({ input: child.stderr })) {
      lines.push(JSON.parse(said) as (typeof lines)[number]);
      if (lines.at(-1)?.msg === 'listening') break;
    }
    const url = lines.at(-1)?.metrics ?? '';
    let text = '';
    while (!/^netsoakd_polls_total [3-9]/m.test(text)) text = await (await fetch(url)).text();
    expect(Number(/^netsoakd_namespaces (\d+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(4);
    expect(text).not.toMatch(/^netsoakd_namespace_errors_total\{.*\} [1-9]/m);
    expect(text).toMatch(/^netsoakd_processes_denied 0$/m);
  } finally {
    execFileSync('pkill', ['-TERM', '-P', String(child.pid)]);
    await once(child, 'exit');
    await namespaces.release();
  }
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
});
