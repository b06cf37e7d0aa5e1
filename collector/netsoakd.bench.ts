/**
 * The whole daemon in a world of its own (mount, pid and network namespaces, so that neighbours do not count): what a poll costs, seen
 * from outside.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Benchmark, StartedProgram } from '../harness/bench/benchmark.js';

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));

/** $1 namespaces to make, $2 connections in the first network namespace; the rest is the daemon's command. */
const WORLD = `
set -e
mount -t tmpfs none /run
mkdir /run/netns
ip link set lo up
seq -f 'netns add b%g' "$1" | ip -batch -
if [ "$2" != 0 ]; then
  "$3" -e "$CONNECTOR" "$2" > /run/ready &
  until [ -s /run/ready ]; do sleep 0.05; done
fi
shift 2
exec "$@"
`;

/** Holds so many loopback connections until it is killed with its pid namespace. */
const CONNECTOR = `
const net = require('node:net');
const count = Number(process.argv[1]);
const server = net.createServer(() => {}).listen(0, '127.0.0.1', () => {
  let open = 0;
  for (let i = 0; i < count; i++) {
    const to = { port: server.address().port, host: '127.0.0.1', localAddress: '127.0.0.' + (2 + (i % 250)) };
    net.connect(to, () => ++open === count && console.log('ready'));
  }
});
`;

async function start(namespaces: number, connections: number, signal: AbortSignal): Promise<StartedProgram> {
  const daemon = [process.execPath, PROGRAM, '--interval', '50ms', '--jitter', '0', '--export', 'null', '--metrics', '127.0.0.1:0'];
  const world = spawn(
    'unshare',
    [
      '--mount',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
      'bash',
      '-c',
      WORLD,
      'bench',
      String(namespaces),
      String(connections),
      ...daemon,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, CONNECTOR } },
  );
  const stop = async (): Promise<void> => {
    if (world.exitCode !== null || world.signalCode !== null) return;
    const gone = once(world, 'exit');
    world.kill('SIGKILL');
    await gone;
  };
  signal.addEventListener('abort', () => world.kill('SIGKILL'), { once: true });
  const url = await metricsUrl(world);
  const pid = Number(readFileSync(`/proc/${world.pid}/task/${world.pid}/children`, 'utf8').trim());
  return { pid, settleSeconds: 0.5, watchSeconds: 1, done: () => polls(pid, url), stop };
}

async function metricsUrl(world: ChildProcess): Promise<URL> {
  let last = '';
  for await (const line of createInterface({ input: world.stderr as NodeJS.ReadableStream })) {
    last = line;
    if (line.startsWith('{') && JSON.parse(line).msg === 'listening') return new URL(JSON.parse(line).metrics as string);
  }
  throw new Error(`netsoakd did not start: ${last}`);
}

/** Its metrics are served inside its own network namespace only. */
function polls(pid: number, url: URL): number {
  const get = `exec 3<>/dev/tcp/${url.hostname}/${url.port}; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
  const text = execFileSync('nsenter', ['-t', String(pid), '-n', 'bash', '-c', get], { encoding: 'utf8' });
  const count = /^netsoakd_polls_total (\d+)$/m.exec(text)?.[1];
  if (count === undefined) throw new Error('netsoakd serves no netsoakd_polls_total');
  return Number(count);
}

const daemon = (name: string, namespaces: number, connections: number): Benchmark => ({
  name,
  per: 'poll',
  unavailable: () => (process.getuid?.() === 0 ? undefined : 'it takes root to make namespaces'),
  start: (signal) => start(namespaces, connections, signal),
});

export const benchmarks: readonly Benchmark[] = [daemon('100 empty namespaces', 100, 0), daemon('10 namespaces, 2,000 sockets', 10, 1000)];
