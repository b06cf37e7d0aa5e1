/**
 * Target `host`: mount, pid, network, ipc and uts namespaces of its own on this machine, with a private /run.
 * Kernel, clock, sysctls and CPU are shared. Its init dies with the conductor (setpriv, unshare --kill-child),
 * and with it, since it is pid 1 of a pid namespace, everything it started.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { NetsoakError } from '../errors.js';
import { PROJECT } from '../project.js';
import type { Target, TargetExit, TargetSockets } from './target.js';

/**
 * Runs as pid 1 of the target. /run is private, so that names in /run/netns are ours; bash stays pid 1 (no
 * exec), because it reaps orphans and Node would leave them as zombies.
 */
const INIT = `
set -e
mount -t tmpfs -o mode=755 netsoak-run /run
mkdir -p /run/netns
ip link set lo up
hostname netsoak-target
"$@"
exit $?
`;

export function startHostTarget(sockets: TargetSockets): Target {
  if (process.getuid?.() !== 0) {
    throw new NetsoakError(
      'infra',
      'need-root',
      'target host makes namespaces, which needs root',
      'run as root, or use --target vm, which needs none',
    );
  }
  const agent = [
    process.execPath,
    join(PROJECT, 'dist/harness/agent/main.js'),
    '--control',
    sockets.control,
    '--rows',
    sockets.rows,
    '--ledger',
    sockets.ledger,
  ];
  const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
  const poweredOnAt = performance.now();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...namespaces, 'bash', '-c', INIT, 'netsoak-init', ...agent], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own: a ^C on the terminal reaches the conductor alone, which heals first.
    detached: true,
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-2000);
  });
  const exited = new Promise<TargetExit>((done) => {
    child.once('error', (error) => done({ orderly: false, sentence: `the target could not be started: ${error.message}` }));
    child.once('close', (code, signal) => {
      const how = signal ? `was killed by ${signal}` : `ended with status ${code}`;
      done({ orderly: code === 0, sentence: `the target's init ${how}${words ? `: ${words.trim()}` : ''}` });
    });
  });
  return {
    pid: child.pid ?? 0,
    poweredOnAt,
    exited,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
