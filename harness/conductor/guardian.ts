/**
 * What outlives a SIGKILL of the harness for a moment, to clean up after it: a shell in a session of its own
 * that waits for the end of its standard input, which the kernel closes when the conductor dies in whatever
 * way. An orderly end uses the same path, so cleaning up is exercised by every run.
 */
import { spawn } from 'node:child_process';
import { cgroup2Mount, runCgroup } from '../agent/cgroup.js';

export interface Guardian {
  /** Cleans up now; resolves when all is gone. */
  release(): Promise<void>;
}

/**
 * $1 is the run's cgroup ('' where there is none), $2 its folder of sockets ('' to keep it). Processes in the cgroup are killed
 * first; a cgroup can be removed only when empty, which takes the kernel a moment.
 */
const CLEAN_UP = `
cat >/dev/null
if [ -n "$1" ] && [ -d "$1" ]; then
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    find "$1" -name cgroup.kill -exec sh -c 'echo 1 > "$0"' {} ';' 2>/dev/null
    find "$1" -depth -type d -exec rmdir {} ';' 2>/dev/null
    [ -d "$1" ] || break
    sleep 0.1
  done
fi
[ -z "$2" ] || rm -rf "$2"
`;

export function startGuardian(name: string, workDir: string | undefined, withCgroup: boolean): Guardian {
  const mount = withCgroup ? cgroup2Mount() : undefined;
  const cgroup = mount === undefined ? '' : `${mount}/${runCgroup(name)}`;
  const child = spawn('sh', ['-c', CLEAN_UP, 'netsoak-guardian', cgroup, workDir ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = new Promise<void>((done) => child.once('close', () => done()).once('error', () => done()));
  return {
    release: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
