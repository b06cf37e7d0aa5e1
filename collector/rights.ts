/** What the kernel lets this process do, said in one sentence before it says no in a thousand places, and what of it is given up. */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { type Capability, effectiveCapabilities, keepCapabilities } from '../native/capabilities.js';
import type { NamespaceResults } from '../native/index.js';
import type { Config } from './config.js';
import { MissingRight } from './errors.js';
import type { Log } from './log.js';
import { reconcilesAnything } from './reconcile/settings.js';

const HINT =
  'run netsoakd as root, or give it CAP_SYS_ADMIN and CAP_SYS_PTRACE (AmbientCapabilities= in its systemd unit); without any right "netsoakd snapshot" still shows the sockets of the namespace it is started in';

/** setns(2) into a network namespace takes CAP_SYS_ADMIN, even into one's own. */
export function requireRights(status?: string): void {
  if (!effectiveCapabilities(status).has('CAP_SYS_ADMIN')) {
    throw new MissingRight('capability', 'netsoakd may not enter network namespaces: CAP_SYS_ADMIN is missing', HINT);
  }
}

/** The capability may be there and still count for nothing, as for root of a user namespace. */
export function requireOneReadable(results: NamespaceResults): void {
  const troubles = results.troubles();
  if (results.length > 0 && troubles.length === results.length && troubles.every(({ status }) => status === 'denied')) {
    throw new MissingRight(
      'namespaces-denied',
      `none of ${results.length} network namespaces may be entered: this process is root of a user namespace that owns none of them`,
      HINT,
    );
  }
}

/** What the daemon will do without, a sentence each: it runs, and sees less. */
export function missingRights(config: Config, status?: string): readonly string[] {
  const has = effectiveCapabilities(status);
  return [
    ...(has.has('CAP_SYS_PTRACE')
      ? []
      : ['CAP_SYS_PTRACE is missing: a namespace that only processes of other users hold is not found; those with a bind mount are']),
    ...(has.has('CAP_NET_ADMIN')
      ? []
      : ['CAP_NET_ADMIN is missing: the kernel does not tell the mark of a socket; all other columns are there']),
    ...(has.has('CAP_NET_ADMIN') || !reconcilesAnything(config)
      ? []
      : ['CAP_NET_ADMIN is missing: interfaces, routes and tc are watched, and none is written']),
  ];
}

/**
 * What a daemon with this configuration needs for as long as it runs.
 *
 * | capability | for |
 * | --- | --- |
 * | CAP_SYS_ADMIN | setns(2) into each namespace, at each poll |
 * | CAP_SYS_PTRACE | /proc/PID/ns/net of other users' processes |
 * | CAP_NET_ADMIN | the mark of a socket, closed rows, large receive buffers, interfaces, routes and tc |
 * | CAP_NET_BROADCAST | closed rows: hearing other namespaces |
 * | CAP_NET_BIND_SERVICE | metrics on a port below 1024 |
 * | CAP_DAC_READ_SEARCH | namespace directories that are not open to all, such as those of rootless containers |
 * | CAP_DAC_OVERRIDE | writing files in directories of others |
 */
export function neededCapabilities(config: Config): readonly Capability[] {
  const { metrics, closed, export: target, polls } = config;
  const written = [
    ...('path' in target ? [target.path] : []),
    ...(typeof polls === 'object' && polls.kind === 'file' ? [polls.path] : []),
    ...(config.spool === 'off' ? [] : [`${config.spool}/segment`]),
    ...(config['control-socket'] === '' ? [] : [config['control-socket']]),
    ...(reconcilesAnything(config) ? [`${config['lock-dir']}/lock`] : []),
  ];
  return [
    'CAP_SYS_ADMIN',
    'CAP_SYS_PTRACE',
    'CAP_NET_ADMIN',
    ...(closed ? (['CAP_NET_BROADCAST'] as const) : []),
    ...(metrics !== 'off' && metrics.port > 0 && metrics.port < 1024 ? (['CAP_NET_BIND_SERVICE'] as const) : []),
    ...(config['namespace-dirs'].every((dir) => open(dir, 0o005)) ? [] : (['CAP_DAC_READ_SEARCH'] as const)),
    ...(written.every((path) => open(dirname(path), 0o001) && ours(path)) ? [] : (['CAP_DAC_OVERRIDE'] as const)),
  ];
}

/** Gives up everything else, in every thread. What can't be given up is told: the daemon works all the same. */
export function dropRights(config: Config, log: Log): void {
  const keep = neededCapabilities(config);
  try {
    keepCapabilities(keep);
    log('debug', 'rights given up but for these', { kept: keep.join() });
  } catch (error) {
    log('warn', 'netsoakd runs with more rights than it needs', { cause: error instanceof Error ? error.message : String(error) });
  }
}

/** Whether a directory, and each on the way to it, is ours or lets everybody do what these bits say; one that is missing does. */
function open(dir: string, bits: number): boolean {
  const here = stat(dir);
  if (here !== undefined && here.uid !== process.geteuid?.() && (here.mode & bits) !== bits) return false;
  const above = dirname(dir);
  return above === dir || open(above, 0o001);
}

/** Whether a file can be written, or made, by its owner's rights alone. */
function ours(path: string): boolean {
  const file = stat(path);
  const user = process.geteuid?.();
  if (file !== undefined) return file.uid === user || (file.mode & 0o002) !== 0;
  const dir = stat(dirname(path));
  return dir === undefined || dir.uid === user || (dir.mode & 0o002) !== 0;
}

function stat(path: string): fs.Stats | undefined {
  return fs.statSync(path, { throwIfNoEntry: false });
}
