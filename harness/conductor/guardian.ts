/**
 * What outlives a SIGKILL of the harness for a moment, to clean up after it: a shell in a session of its own
 * that waits for the end of its standard input, which the kernel closes when the conductor dies in whatever
 * way. An orderly end uses the same path, so cleaning up is exercised by every run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cgroup2Mount, runCgroup } from '../agent/cgroup.js';

export interface Guardian {
  /** Cleans up now; resolves when all is gone. */
  release(): Promise<void>;
}

/**
 * $1 is the run's cgroup ('' where there is none), $2 its folder of sockets ('' to keep it). Processes in the cgroup are killed
 * first; a cgroup can be removed only when empty, which takes the kernel a moment. Faults, services and
 * containers may have left cgroups of the same name in v1 hierarchies beside it (harness/agent/).
 */
const CLEAN_UP = `
cat >/dev/null
if [ -n "$1" ] && [ -d "$1" ]; then
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    find "$1" -name cgroup.kill -exec sh -c 'echo 1 > "$0"' {} ';' 2>/dev/null
    find "$1" -depth -type d -exec rmdir {} ';' 2>/dev/null
    left=
    for v1 in /sys/fs/cgroup/*/"\${1##*/}" /sys/fs/cgroup/*/"\${1##*/}"-*; do
      [ ! -d "$v1" ] || find "$v1" -depth -type d -exec rmdir {} ';' 2>/dev/null
      [ ! -d "$v1" ] || left=$v1
    done
    [ -d "$1" ] || [ -n "$left" ] || break
    sleep 0.1
  done
fi
# A broker that is being killed may still write there.
[ -z "$2" ] || for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$2" 2>/dev/null && break
  sleep 0.2
done
`;

export function startGuardian(name: string, workDir: string | undefined, withCgroup: boolean): Guardian {
  const mount = withCgroup ? cgroup2Mount() : undefined;
  const cgroup = mount === undefined ? '' : `${mount}/${runCgroup(name)}`;
  const child = startCleaning(cgroup, workDir ?? '', 'pipe');
  child.stdin?.on('error', () => {});
  const exited = new Promise<boolean>((done) => child.once('close', (code) => done(code === 0)).once('error', () => done(false)));
  return {
    release: async () => {
      child.stdin?.end();
      const cleaned = await exited;
      // It was killed before its time: its work is still to be done.
      if (!cleaned)
        await new Promise((done) =>
          startCleaning(cgroup, workDir ?? '', 'ignore')
            .once('close', done)
            .once('error', done),
        );
    },
  };
}

function startCleaning(cgroup: string, workDir: string, stdin: 'pipe' | 'ignore'): ChildProcess {
  return spawn('sh', ['-c', CLEAN_UP, 'netsoak-guardian', cgroup, workDir], { detached: true, stdio: [stdin, 'ignore', 'ignore'] });
}
