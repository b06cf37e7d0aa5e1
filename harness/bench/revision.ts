/**
 * Another revision of this repository, built to be measured beside the working tree: a git worktree under reports/runs/bench (the
 * same file system, so that node_modules can be hard-linked), gone again when it is released or when the harness dies in any way.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { NetsoakError } from '../errors.js';

export interface BuiltRevision {
  readonly root: string;
  /** Abbreviated commit. */
  readonly revision: string;
  /** Benchmarks, and what supports them, that are not the same as in the working tree: each side runs its own. */
  readonly differing: readonly string[];
  release(): Promise<void>;
}

/** $1 project, $2 worktree. Waits for the end of its input, which the kernel closes when the harness ends in whatever way. */
const CLEAN_UP = 'cat >/dev/null; git -C "$1" worktree remove --force "$2"; rm -rf "$2"; git -C "$1" worktree prune';

/** The commit that `ref` names, abbreviated; undefined when it names none. */
export function resolveRevision(project: string, ref: string): string | undefined {
  try {
    return git(project, ['rev-parse', '--verify', '--quiet', '--short=12', '--end-of-options', `${ref}^{commit}`]);
  } catch {
    return undefined;
  }
}

/**
 * Checks `ref` out and builds it.
 * @param say told what takes long
 * @param purpose to be measured it takes the benchmarks that it lacks from the working tree; to be run it is built as it is
 * @throws NetsoakError when there is no such revision, or it does not build
 */
export async function buildRevision(
  project: string,
  ref: string,
  parent: string,
  say: (line: string) => void,
  signal: AbortSignal,
  purpose: 'measure' | 'run' = 'measure',
): Promise<BuiltRevision> {
  const revision = resolveRevision(project, ref);
  if (revision === undefined) {
    throw new NetsoakError(
      'user',
      'no-revision',
      `${ref} names no commit of ${project}`,
      'give a branch, a tag or a commit: --against HEAD~1',
    );
  }
  const root = join(parent, `${revision}-${process.pid}`);
  mkdirSync(parent, { recursive: true });
  const guardian = spawn('sh', ['-c', CLEAN_UP, 'netsoak-worktree', project, root], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((done) => guardian.once('close', () => done()).once('error', () => done()));
  const release = async (): Promise<void> => {
    guardian.stdin.end();
    await gone;
  };
  try {
    say(`building ${ref} (${revision})`);
    git(project, ['worktree', 'add', '--detach', '--force', root, revision]);
    borrowPackages(project, root, say);
    borrowNative(project, root, revision);
    if (!existsSync(join(root, 'harness/setup/build.mjs'))) {
      throw new NetsoakError('user', 'too-old', `${ref} cannot be built: it has no \`npm run build\``, 'choose a younger revision');
    }
    await build([join(root, 'harness/setup/build.mjs')], root, ref, signal);
    const differing = purpose === 'measure' ? await layBenchmarksOver(project, root, signal) : [];
    return { root, revision, differing, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The same packages by hard link where both want the same; otherwise the build fetches them. */
function borrowPackages(project: string, root: string, say: (line: string) => void): void {
  const lock = (at: string): string => readFileSync(join(at, 'package-lock.json'), 'utf8');
  if (lock(project) !== lock(root)) {
    say('its packages differ from those of the working tree and have to be fetched');
    return;
  }
  execFileSync('cp', ['-al', join(project, 'node_modules'), join(root, 'node_modules')]);
}

/** Native code takes the compiler a minute. Where no source of it differs, what was built here serves; make(1) has the last word. */
function borrowNative(project: string, root: string, revision: string): void {
  const same = ['diff', '--quiet', revision, '--', 'native', ':!native/*.ts'];
  const untracked = ['ls-files', '--others', '--exclude-standard', '--', 'native'];
  try {
    git(project, same);
    if (git(project, untracked) !== '' || !existsSync(join(project, 'native/build'))) return;
    execFileSync('make', ['-q', '-C', join(project, 'native'), 'all'], { stdio: 'ignore' });
  } catch {
    return;
  }
  // New times: the outputs are younger than the sources that were just checked out.
  cpSync(join(project, 'native/build'), join(root, 'native/build'), { recursive: true });
}

/**
 * Benchmarks that the revision does not have are taken from the working tree, so that a benchmark written today can tell what
 * changed since yesterday. Its own stay as they are. Type errors are no obstacle: what the old code lacks shows when the row is run.
 */
async function layBenchmarksOver(project: string, root: string, signal: AbortSignal): Promise<string[]> {
  const differing: string[] = [];
  let added = 0;
  for (const file of benchmarkFiles(project)) {
    const target = join(root, file);
    if (!existsSync(target)) {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(project, file), target);
      added++;
    } else if (readFileSync(target, 'utf8') !== readFileSync(join(project, file), 'utf8')) {
      differing.push(file);
    }
  }
  if (added > 0) {
    const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--noEmitOnError', 'false', '--noCheck'];
    await build(tsc, root, 'the benchmarks', signal);
  }
  return differing;
}

/** `*.bench.ts` and what only they use, relative to the project. */
function benchmarkFiles(project: string): string[] {
  const { include } = JSON.parse(readFileSync(join(project, 'tsconfig.json'), 'utf8')) as { include: string[] };
  return include
    .filter((folder) => existsSync(join(project, folder)))
    .flatMap((folder) => readdirSync(join(project, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.bench(-support)?\.ts$/.test(entry.name))
    .map((entry) => relative(project, join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith('reports/runs/'))
    .sort();
}

async function build(args: readonly string[], root: string, what: string, signal: AbortSignal): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-4000);
    });
  }
  const code = await new Promise<number | null>((done) => child.once('close', done).once('error', () => done(null)));
  signal.throwIfAborted();
  if (code !== 0) {
    const last = output.trim().split('\n').slice(-5).join('\n  ');
    throw new NetsoakError(
      'infra',
      'no-build',
      `${what} does not build:\n  ${last}`,
      'build it by hand to see the whole of it, or choose another revision',
    );
  }
}

function git(project: string, args: readonly string[]): string {
  return execFileSync('git', ['-C', project, '-c', 'safe.directory=*', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}
