/**
 * How long the daemon's event loop is held while it looks at 100,000 routes that are as they should be: by the clock, so that garbage and all
 * else counts. Other programs hold it too now and then, but not in each of several rounds.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ask } from '../../control/socket.js';
import { Daemon } from '../../daemon.test-support.js';
import { World } from '../../world.test-support.js';
import { sleep, within } from '../start.test-support.js';

const ROUTES = 100_000;
const ROUNDS = 5;
const ROUND_MS = 10_000;

interface Held {
  readonly clockMs: number;
  readonly busyMs: number;
}

/** In the daemon, from one SIGUSR2 to the next: what held.test-support.ts measures, by the same means. */
const probe = (file: string) => `
  import { openSync, readSync, renameSync, writeFileSync } from 'node:fs';
  const schedstat = openSync('/proc/self/task/' + process.pid + '/schedstat', 'r');
  const bytes = Buffer.alloc(64);
  const busy = () => Number(bytes.toString('latin1', 0, readSync(schedstat, bytes, 0, bytes.length, 0)).split(' ')[0]) / 1e6;
  let timer, at, busyAt, held;
  const look = () => {
    const [now, busyNow] = [performance.now(), busy()];
    held.clockMs = Math.max(held.clockMs, now - at);
    held.busyMs = Math.max(held.busyMs, Math.min(now - at, busyNow - busyAt));
    [at, busyAt] = [now, busyNow];
  };
  process.on('SIGUSR2', () => {
    if (timer === undefined) {
      [at, busyAt, held] = [performance.now(), busy(), { clockMs: 0, busyMs: 0 }];
      timer = setInterval(look, 1);
      return;
    }
    clearInterval(timer);
    timer = undefined;
    writeFileSync('${file}.new', JSON.stringify(held));
    renameSync('${file}.new', '${file}');
  });
`;

const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of clean.splice(0).reverse()) await each();
});

it('RT-25 holds the event loop of the daemon for 10 ms at most, by the clock, while 100,000 routes are as they should be, and writes nothing', async () => {
  const world = await World.open();
  clean.push(() => world.close());
  const namespaces = world.namespaces();
  clean.push(() => namespaces.release());
  const name = namespaces.add();
  for (const line of ['link add v0 type veth peer name v1', 'link set v0 up', 'link set v1 up', 'addr add 10.0.0.1/24 dev v0'])
    world.run('ip', '-n', name, ...line.split(' '));
  const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-converged-'));
  clean.push(() => fs.rmSync(dir, { recursive: true }));
  const routes = Array.from({ length: ROUTES }, (_, i) => `{"to":"198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}","via":"10.0.0.2"}`);
  fs.writeFileSync(join(dir, 'routes.json'), `[${routes.join(',\n')}]`);
  const [file, socket] = [join(dir, 'delay'), join(dir, 'control.sock')];
  const flags = {
    '--interval': '1h',
    '--export': 'null',
    '--reconcile-netns': `/run/netns/${name}`,
    '--lock-dir': dir,
    '--control-socket': socket,
    '--route-file': join(dir, 'routes.json'),
    '--route-reconcile-interval': '1s',
    '--reconcile-rate': '0',
  };
  const daemon = await Daemon.start(world, Object.entries(flags).flat(), 'ignore', {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(probe(file))}`,
  });
  clean.push(() => daemon.kill());
  const passes = () => daemon.metric('netsoakd_reconcile_pass_total', 'reconciler="route"');
  const writes = () => daemon.metric('netsoakd_reconcile_actions_total', 'reconciler="route"');
  const right = async () => (await daemon.metric('netsoakd_reconcile_objects', 'reconciler="route",state="ok"')) === ROUTES;
  expect(await within(300_000, right)).toBe(true);

  /** Longest hold in milliseconds, and how many passes there were. */
  const round = async () => {
    fs.rmSync(file, { force: true });
    const before = await passes();
    daemon.signal('SIGUSR2');
    await sleep(ROUND_MS);
    daemon.signal('SIGUSR2');
    expect(await within(60_000, () => fs.existsSync(file))).toBe(true);
    return { ...(JSON.parse(fs.readFileSync(file, 'utf8')) as Held), passes: (await passes()) - before };
  };
  // The look that finds them all, and what comes of it.
  await round();
  const written = await writes();
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  for (let at = 0; at < ROUNDS; at++) rounds.push(await round());
  expect(await writes()).toBe(written);
  await ask(socket, ['route', 'mode', 'off']);
  const idle = await round();
  const told = ({ clockMs, busyMs }: Held) => `${clockMs.toFixed(1)} ms by the clock, ${busyMs.toFixed(1)} ms of them its own work`;
  console.info(
    `${ROUTES} routes as they should be, the event loop was held for at most:\n${rounds.map((each) => `${told(each)}, in ${each.passes} passes`).join('\n')}\nwith reconciling off: ${told(idle)}`,
  );
  for (const { passes } of rounds) expect(passes).toBeGreaterThan(3);
  expect(Math.max(...rounds.map(({ busyMs }) => busyMs))).toBeLessThan(10);
  // Where other programs hold the loop for long with nothing to do, they do so the more with two threads at work.
  expect(Math.min(...rounds.map(({ clockMs }) => clockMs))).toBeLessThan(Math.max(10, 4 * idle.clockMs));
});
