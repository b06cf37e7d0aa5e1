/**
 * A copy of runs that may leave the house. The facts are made anonymous and everything else is derived from them anew, so that
 * nothing hides where text can't be searched, such as the packed series of a report. The copy is a run directory like any other.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { join, relative } from 'node:path';
import { Anonymiser, hostsNamed, type Secrets } from './anonymise.js';
import { NetsoakError } from './errors.js';
import { writeMergedOutcome, writeOutcomeOf } from './outcome.js';
import { PROJECT } from './project.js';
import { COPY_MARK, RUNS } from './runs.js';
import { loadRun, type StoredRun } from './verdict/load-run.js';

/** Words of the code, by which it tells things apart: never anybody's name, and the verdict would change with them. */
const KEPT = new Set([
  ...['kind', 'state', 'stage', 'owner', 'witness', 'signal', 'code'],
  ...['target', 'accelerator', 'release', 'type', 'series', 'numerator', 'denominator', 'startedAt'],
]);

/** Files that are derived or rewritten as facts. */
const REWRITTEN = new Set([
  ...['plan.json', 'events.ndjson', 'series.ndjson'],
  ...['verdict.json', 'report.html', 'junit.xml', 'results.tap', 'summary.md'],
]);

/**
 * Writes the copies below `out`, one for each run, and what they are together beside them.
 * @returns the report, and the files that were left out because they may hold anything
 */
export function anonymise(
  folder: string,
  runs: readonly string[],
  out: string,
  names: Names = ownNames(),
): { report: string; left: string[] } {
  if (existsSync(out)) {
    if (!existsSync(join(out, COPY_MARK)))
      throw new NetsoakError('user', 'out-exists', `${out} exists and is no anonymised copy`, 'choose another place with --out DIR');
    rmSync(out, { recursive: true });
  }
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, COPY_MARK), 'made by netsoak report --anonymise\n');
  const stored = runs.map((directory) => ({ directory, run: loadRun(directory) }));
  const anonymiser = new Anonymiser(
    secretsOf(
      names,
      stored.map(({ directory, run }) => `${JSON.stringify(run)}\n${consoleOf(directory)}`),
    ),
  );
  const left: string[] = [];
  const isOne = runs.length === 1 && runs[0] === folder;
  const copies = stored.map(({ directory, run }, i) => {
    const copy = isOne ? out : join(out, `run-${i + 1}`);
    mkdirSync(copy, { recursive: true });
    left.push(...copyRun(directory, run, copy, anonymiser).map((name) => join(relative(folder, directory), name)));
    return copy;
  });
  return { report: isOne ? join(out, 'report.html') : writeMergedOutcome(out, copies).report, left };
}

function copyRun(directory: string, run: StoredRun, copy: string, anonymiser: Anonymiser): string[] {
  const clean = anonymiser.value(run, KEPT);
  const lines = (facts: readonly object[]): string => facts.map((fact) => `${JSON.stringify(fact)}\n`).join('');
  writeFileSync(join(copy, 'plan.json'), `${JSON.stringify(clean.plan, null, 2)}\n`);
  writeFileSync(join(copy, 'events.ndjson'), lines(clean.events));
  writeFileSync(join(copy, 'series.ndjson'), lines(clean.series));
  const words = consoleOf(directory);
  if (words !== '') writeFileSync(join(copy, 'console.log'), anonymiser.text(words));
  writeOutcomeOf(clean, copy);
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !REWRITTEN.has(name) && name !== 'console.log' && !name.startsWith('.') && name !== 'anonymised')
    .filter((entry) => !entry.isDirectory() || readdirSync(join(directory, entry.name)).length > 0)
    .map(({ name }) => name);
}

function consoleOf(directory: string): string {
  const file = join(directory, 'console.log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Names of a machine and its people. */
export interface Names {
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  readonly homes: readonly string[];
}

/** What this machine knows of itself. Names that everybody has, or that are words of ours, give nothing away. */
function ownNames(): Names {
  const name = hostname();
  return {
    hosts: [name, name.split('.')[0] ?? ''].filter((host) => !['', 'localhost', 'vm', 'host', 'netsoak'].includes(host)),
    users: [userName(), process.env.SUDO_USER ?? '', process.env.LOGNAME ?? '', ...people().map((person) => person.name)],
    homes: [homedir(), ...people().map(({ home }) => home)],
  };
}

/** And what the facts of a run from elsewhere give away: whose home a path lies in, whom a URL calls. */
function secretsOf(names: Names, texts: readonly string[]): Secrets {
  const inHomes = texts.flatMap((text) => [...text.matchAll(/\/(?:home|Users)\/([\w.-]+)/g)]);
  const users = [...names.users, ...inHomes.map((match) => match[1] ?? '')];
  const homes = new Set([...names.homes, ...inHomes.map(([home]) => home)]);
  return {
    hosts: [...new Set([...names.hosts, ...texts.flatMap(hostsNamed)])],
    users: [...new Set(users)].filter((user) => !['', 'root', 'nobody'].includes(user)),
    folders: [
      [RUNS, '/runs'],
      [PROJECT, '/project'],
      ...[...homes].filter((home) => home !== '/').map((home, i) => [home, `/home-${i + 1}`] as const),
      [tmpdir(), '/tmp'],
    ],
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A uid without an account has no name to hide.
    return '';
  }
}

/** Accounts of people, from passwd(5); the system's own are below 1000 (login.defs, UID_MIN). */
function people(): { name: string; home: string }[] {
  if (!existsSync('/etc/passwd')) return [];
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , uid]) => Number(uid) >= 1000 && Number(uid) < 65534)
    .map(([name = '', , , , , home = '/']) => ({ name, home }));
}
