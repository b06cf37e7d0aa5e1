/**
 * Fetches a Debian package without installing it: from the machine's own sources, or from another suite of the mirror that those
 * name. For the latter apt gets a configuration, lists and a cache of its own, so that nothing of the system changes.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VmError } from './errors.js';

const run = promisify(execFile);

/** A package as apt takes it: `NAME` or `NAME/SUITE` (apt-get(8)). */
export interface PackageName {
  readonly name: string;
  /** `bullseye`, `bookworm-backports`; undefined is what the machine's own sources offer. */
  readonly suite?: string;
}

/** A file of package sources that apt on this machine reads. */
export interface Source {
  readonly origin: string;
  /** `bookworm`, `bookworm-security`. */
  readonly codename: string;
  readonly uri: string;
}

/** Reads `NAME[/SUITE]`; undefined when it is neither. Names of packages: Debian Policy 5.6.1. */
export function parsePackageName(word: string): PackageName | undefined {
  const match = /^([a-z0-9][a-z0-9.+-]+)(?:\/([a-z][a-z0-9-]*))?$/.exec(word);
  if (match?.[1] === undefined) return undefined;
  return { name: match[1], ...(match[2] !== undefined && { suite: match[2] }) };
}

/** Downloads it into `work` and returns the path of the .deb. A meta package of kernels stands for the one of the day. Throws VmError. */
export async function fetchPackage(wanted: PackageName, work: string, say: (line: string) => void): Promise<string> {
  const config = wanted.suite === undefined ? [] : ['-c', await configFor(wanted.suite, work, say)];
  const name = (await kernelBehind(wanted.name, config)) ?? wanted.name;
  say(`fetching ${name} (about 100 MB)`);
  const folder = join(work, 'package');
  await mkdir(folder);
  await apt('apt-get', [...config, '-q', '-o', 'APT::Sandbox::User=root', 'download', name], `${name} can't be fetched`, folder);
  const file = (await readdir(folder)).find((entry) => entry.endsWith('.deb'));
  if (file !== undefined) return join(folder, file);
  throw new VmError('kernel-unusable', `apt-get download ${name} left no package behind`, 'run `apt-get update` as root');
}

/** What a meta package (`linux-image-amd64`) depends on; undefined when it is an image itself. */
async function kernelBehind(name: string, config: readonly string[]): Promise<string | undefined> {
  if (/^linux-image-\d/.test(name)) return undefined;
  const text = await apt('apt-cache', [...config, 'depends', '--important', name], `apt knows no package ${name}`);
  return kernelPackageOf(text);
}

/** Reads `apt-cache depends linux-image-amd64`: the versioned image among what it depends on. */
export function kernelPackageOf(dependsText: string): string | undefined {
  return /^\s+Depends: (linux-image-\d[^\s:]*)/m.exec(dependsText)?.[1];
}

/** Runs one of apt's programs. */
async function apt(program: string, args: readonly string[], failure: string, cwd?: string): Promise<string> {
  try {
    return (await run(program, args, { ...(cwd !== undefined && { cwd }), maxBuffer: 64 << 20 })).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new VmError(
        'program-missing',
        `this is not Debian: there is no ${program} to find a guest kernel with`,
        'use a Debian 12 machine or container, or the Nix flake, which brings a kernel of its own',
      );
    }
    const words = ((error as { stderr?: string }).stderr ?? '').trim().split('\n');
    const why = words.findLast((line) => line.startsWith('E:')) ?? words.at(-1);
    throw new VmError('apt-lists-missing', `${failure}: ${why || 'no reason given'}`, 'run `apt-get update` as root, then try again', {
      cause: error,
    });
  }
}

/** Keys of all releases, old and new; Debian's apt depends on the package that has it. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A file for `apt-get -c` that knows one suite, with lists fetched into `work`. */
async function configFor(suite: string, work: string, say: (line: string) => void): Promise<string> {
  const format = '$(ORIGIN)|$(CODENAME)|$(REPO_URI)';
  const listed = await apt('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], "apt can't list its sources");
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const own = /^VERSION_CODENAME=(.*)$/m.exec(release)?.[1] ?? '';
  const sources = sourcesOfSuite(suite, own, parseTargets(listed));
  if (sources.length === 0)
    throw new VmError(
      'apt-lists-missing',
      `this machine's apt names no mirror of Debian to take ${suite} from`,
      'run `apt-get update` as root; on another distribution give a file: --kernel FILE.deb',
    );
  const root = join(work, 'apt');
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'status'), '');
  await writeFile(join(root, 'suite.sources'), sources.map(stanza).join('\n'));
  const config = join(root, 'apt.conf');
  await writeFile(config, aptConfig(root));
  say(`asking the mirror for ${sources.map(({ codename }) => codename).join(' and ')}`);
  await apt('apt-get', ['-c', config, '-q', 'update'], `the mirror has no lists of ${suite}`);
  return config;
}

/** Read after the system's own files, which keep their say in proxies and time limits. Its hooks are not for us. */
function aptConfig(root: string): string {
  return [
    `Dir::State "${root}/state";`,
    `Dir::State::status "${root}/status";`,
    `Dir::Cache "${root}/cache";`,
    `Dir::Etc::sourcelist "${root}/suite.sources";`,
    'Dir::Etc::sourceparts "-";',
    'Dir::Etc::preferences "-";',
    'Dir::Etc::preferencesparts "-";',
    'APT::Sandbox::User "root";',
    'APT::Default-Release "";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    // A suite that has left support is not signed anew.
    'Acquire::Check-Valid-Until "false";',
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '',
  ].join('\n');
}

function stanza({ codename, uri }: Source): string {
  const signed = existsSync(KEYRING) ? `Signed-By: ${KEYRING}\n` : '';
  return `Types: deb\nURIs: ${uri}\nSuites: ${codename}\nComponents: main\n${signed}`;
}

/** Reads the lines `ORIGIN|CODENAME|URI` of `apt-get indextargets`. */
export function parseTargets(text: string): Source[] {
  return text
    .split('\n')
    .map((line) => line.split('|'))
    .flatMap(([origin, codename, uri]) => (origin && codename && uri ? [{ origin, codename, uri }] : []));
}

/**
 * Where a suite is to be found, from where the machine takes its own release `own`: beside it, and its security updates beside those.
 * Empty when the machine has no source of Debian.
 */
export function sourcesOfSuite(suite: string, own: string, sources: readonly Source[]): Source[] {
  const of = (codename: string): Source | undefined => sources.find((source) => source.origin === 'Debian' && source.codename === codename);
  const at = (source: Source | undefined, codename: string): Source[] => (source ? [{ ...source, codename }] : []);
  if (suite.endsWith('-security')) return at(of(`${own}-security`), suite);
  // Backports and proposed updates lie beside the release and have no security updates of their own.
  if (suite.includes('-')) return at(of(own), suite);
  return [...at(of(own), suite), ...at(of(`${own}-security`), `${suite}-security`)];
}
