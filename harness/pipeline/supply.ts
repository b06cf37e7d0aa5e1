/**
 * Where the broker and the database come from. What is big is fetched once, by `npm run setup pipeline`, into the cache that the guest
 * kernel is kept in too: Kafka's jars by Maven (43 MB), ClickHouse in a process by npm (570 MB).
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findCached, publishFolder } from '../../vm/cache.js';
import { PROJECT } from '../project.js';

const run = promisify(execFile);

export const KAFKA_VERSION = '4.1.0';
/** ClickHouse 26.7 */
export const CHDB_VERSION = '3.4.0';

const KAFKA = `kafka-${KAFKA_VERSION}`;
const CHDB = `chdb-${CHDB_VERSION}`;
const HERE = join(PROJECT, 'harness/pipeline');

/** Folder of Kafka's jars (NETSOAK_KAFKA names another's, such as nixpkgs'), or undefined when nobody has fetched them. */
export function findKafka(): string | undefined {
  return process.env.NETSOAK_KAFKA || findCached(KAFKA);
}

/** Folder of npm's package `chdb`, or undefined when nobody has fetched it. */
export function findChdb(): string | undefined {
  const folder = findCached(CHDB);
  return folder === undefined ? undefined : join(folder, 'node_modules/chdb');
}

/** Path of a program on PATH, or undefined. */
export function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Which broker and which database a run would start here, in words; absent where there is none. */
export function whatIsThere(): { readonly broker?: string; readonly database?: string } {
  const [java, jars, clickhouse, chdb] = [onPath('java'), findKafka(), onPath('clickhouse'), findChdb()];
  const broker = java === undefined || jars === undefined ? {} : { broker: `Apache Kafka ${KAFKA_VERSION} in ${jars}, run by ${java}` };
  if (clickhouse !== undefined) return { ...broker, database: clickhouse };
  return chdb === undefined ? broker : { ...broker, database: `ClickHouse in a process (chdb ${CHDB_VERSION}) in ${chdb}` };
}

/** Fetches what is missing. `say` gets a line for each thing done. @throws Error with the last words of the program that failed */
export async function preparePipeline(say: (line: string) => void): Promise<void> {
  if (findKafka() === undefined) {
    say(`fetching Apache Kafka ${KAFKA_VERSION} from Maven Central (43 MB)`);
    await publishFolder(KAFKA, fetchJars);
  }
  if (findChdb() === undefined) {
    say(`fetching ClickHouse (chdb ${CHDB_VERSION}, 570 MB)`);
    await publishFolder(CHDB, async (draft) => {
      for (const name of ['package.json', 'package-lock.json']) await copyFile(join(HERE, 'chdb', name), join(draft, name));
      // Not `npm ci`: it refuses a lock file that leaves out optional packages for other systems. Integrity is held against it all the same.
      await run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress'], { cwd: draft });
    });
  }
}

async function fetchJars(draft: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'netsoak-kafka-'));
  try {
    const pom = join(work, 'pom.xml');
    await copyFile(join(HERE, 'kafka/pom.xml'), pom);
    const options = ['-q', '-B', '-f', pom, `-Dmaven.repo.local=${join(work, 'repository')}`];
    await run('mvn', [...options, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const wrong = differentJar(draft, readFileSync(join(HERE, 'kafka/jars.sha256'), 'utf8'));
  if (wrong !== undefined) throw new Error(`Maven Central gave something else than jars.sha256 says: ${wrong}`);
}

/**
 * The first file of a folder that is not what a list says, or the other way round.
 * @param list lines of sha256sum(1)
 */
export function differentJar(folder: string, list: string): string | undefined {
  const wanted = new Map(list.split('\n').flatMap((line) => (line === '' ? [] : [[line.slice(66), line.slice(0, 64)] as const])));
  const present = readdirSync(folder);
  const missing = [...wanted.keys()].find((name) => !present.includes(name));
  if (missing !== undefined) return `${missing} is missing`;
  return present.find(
    (name) =>
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex') !== wanted.get(name),
  );
}
