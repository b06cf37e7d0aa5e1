/** `netsoakd verify`: a snapshot of this host held against ss, namespace by namespace. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NamespaceRef } from '../../native/index.js';
import { type JsonRow, parseSs, type SsSocket } from '../../native/ss-text.js';
import type { Config } from '../config.js';
import { EXIT, type ExitCode, errnoOf, UsageError } from '../errors.js';
import { discover, openTable } from '../namespaces.js';
import { openConfiguredReader } from '../reading.js';
import { compareWithSs } from '../verify.js';

/** Processes of ss at once. */
const AT_ONCE = 4;
/** Differences that are printed. */
const MOST_LINES = 100;

/**
 * Prints each difference, then the sum.
 * @throws UsageError without ss, Fault when nothing can be read
 */
export async function runVerify(config: Config, version: string): Promise<ExitCode> {
  const namespaces = [...(await discover(openTable(config['namespace-dirs']))).namespaces];
  const before = await lookAll(namespaces);
  const { rows, read } = await snapshot(config, version, namespaces);
  const after = await lookAll(namespaces);

  const sum = { namespaces: 0, sockets: 0, values: 0, unjudged: 0, passing: 0, differences: 0 };
  const unknown = new Set<string>();
  for (const [index, { name, inode }] of namespaces.entries()) {
    const [first, last] = [before[index], after[index]];
    // One that is gone by now, or may not be entered by one of the two, tells nothing.
    if (first === undefined || last === undefined || !read.has(index)) continue;
    const result = compareWithSs(first, rows.get(String(inode)) ?? [], last);
    sum.namespaces++;
    sum.sockets += result.compared;
    sum.values += result.values;
    sum.unjudged += result.unjudged;
    sum.passing += result.passing;
    for (const word of result.unknown) unknown.add(word);
    for (const { socket, cookie, what, ss, ours } of result.differences) {
      if (sum.differences++ < MOST_LINES)
        print(`${name} ${socket} sk:${BigInt(cookie).toString(16)} ${what === '' ? 'socket' : what}: ss ${ss}, netsoakd ${ours}`);
    }
  }
  if (sum.differences > MOST_LINES) print(`and ${sum.differences - MOST_LINES} more`);
  print(
    `${sum.differences} differences: ${sum.values} values of ${sum.sockets} sockets in ${sum.namespaces} of ${namespaces.length} namespaces were compared; ` +
      `${sum.unjudged} values changed meanwhile, ${sum.passing} sockets came or went` +
      (unknown.size > 0 ? `; not known to this version: ${[...unknown].join(', ')}` : ''),
  );
  return sum.differences === 0 ? EXIT.ok : EXIT.differs;
}

async function snapshot(config: Config, version: string, namespaces: readonly NamespaceRef[]) {
  const rows = new Map<string, JsonRow[]>();
  const reader = openConfiguredReader(config, version, 'jsonl', ({ bytes, release }) => {
    for (const line of bytes.toString('utf8').split('\n')) {
      if (line === '') continue;
      const row = JSON.parse(line) as JsonRow;
      const inode = String(row.netns_inode);
      const list = rows.get(inode);
      if (list === undefined) rows.set(inode, [row]);
      else list.push(row);
    }
    release();
  });
  const { namespaces: results } = await reader.poll(namespaces);
  await reader.close();
  return { rows, read: new Set([...results].filter(({ status }) => status === 'ok').map(({ index }) => index)) };
}

/** What ss says of each; undefined where it can't look. */
async function lookAll(namespaces: readonly NamespaceRef[]): Promise<(readonly SsSocket[] | undefined)[]> {
  const looks: (readonly SsSocket[] | undefined)[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < namespaces.length; index = next++) looks[index] = await look(namespaces[index] as NamespaceRef);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return looks;
}

async function look({ path }: NamespaceRef): Promise<readonly SsSocket[] | undefined> {
  // One's own needs no right to enter.
  const enter = path === '/proc/self/ns/net' ? [] : ['nsenter', `--net=${path}`];
  const [program = '', ...args] = [...enter, 'ss', '-tinmoeHa', '--tos'];
  try {
    return parseSs((await promisify(execFile)(program, args, { maxBuffer: 1 << 30 })).stdout.trim());
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') return undefined;
    throw new UsageError('verify', `verify needs ${program}, which is not here`, 'install iproute2 and util-linux');
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
