// @ts-check
/**
 * promtool, which holds our metrics, alert rules and their tests to Prometheus' own ideas. It comes in Debian's package `prometheus`, which would
 * start a server on installation: the package is unpacked instead, and only the program kept, where the guest's kernel is kept too.
 */
import { accessSync, chmodSync, constants, copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStep } from './child.mjs';
import { Problem } from './problem.mjs';
import { findProgram, runWithPackageLists } from './system.mjs';

const SHARED = '/var/cache/netsoak';

/** The same folders as vm/cache.ts has. */
function folders() {
  const { XDG_CACHE_HOME, HOME } = process.env;
  const own = join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'netsoak');
  return process.getuid?.() === 0 ? [SHARED] : [own, SHARED];
}

/** Path of promtool, or undefined. */
export function findPromtool() {
  return (
    findProgram('promtool') ??
    folders()
      .map((folder) => join(folder, 'promtool'))
      .find((path) => {
        try {
          accessSync(path, constants.X_OK);
          return true;
        } catch {
          return false;
        }
      })
  );
}

export const promtool = {
  name: 'promtool',
  todo: () => (findPromtool() === undefined ? 'it is neither on PATH nor in the cache' : undefined),
  run: async () => {
    if (findProgram('apt-get') === undefined) {
      throw new Problem('promtool is missing and this is not Debian', ["install Prometheus' promtool so that it is on PATH"]);
    }
    const [own = SHARED] = folders();
    const work = mkdtempSync(join(tmpdir(), 'netsoak-promtool-'));
    try {
      // apt fetches as its own user when it can write here; without this it warns.
      chmodSync(work, 0o755);
      await runWithPackageLists(
        ['sh', '-c', 'cd "$1" && apt-get -q -o APT::Sandbox::User=root download prometheus', 'sh', work],
        'see the lines above; promtool comes in the package prometheus from the mirrors that apt knows',
      );
      const file = readdirSync(work).find((name) => name.endsWith('.deb'));
      if (file === undefined) throw new Problem('apt-get download prometheus left no package behind', ['run `apt-get update` as root']);
      await runStep(['dpkg', '-x', join(work, file), join(work, 'root')], { cure: 'a full disk is the usual reason' });
      mkdirSync(own, { recursive: true, mode: 0o755 });
      const draft = join(own, `promtool.${process.pid}.tmp`);
      copyFileSync(join(work, 'root/usr/bin/promtool'), draft);
      renameSync(draft, join(own, 'promtool'));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};
