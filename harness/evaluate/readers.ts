/** The evaluations of ways to read namespaces, by `netsoak-readers`: real namespaces, real sockets. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NetsoakError } from '../errors.js';
import type { Place } from '../figures/place.js';
import { PROJECT } from '../project.js';
import type { EvaluationCase } from './evaluation.js';
import { inPlace, inTurn, type Measuring, type Taken } from './measuring.js';

const READERS = join(PROJECT, 'native/build/netsoak-readers');

/** Why there is no ring to be had (a sysctl, a seccomp filter), in the kernel's words. */
export function uringRefused(): string | undefined {
  const { status, stderr } = spawnSync(READERS, ['uring', '/'], { input: '', encoding: 'utf8' });
  return status === 69 ? stderr.trim() : undefined;
}

/** A load: how many sockets in how many namespaces. */
export interface Load {
  readonly namespaces: number;
  readonly sockets: number;
}

interface Polled {
  readonly cpuNs: number;
  readonly wallNs: number;
  readonly switches: number;
  readonly threads: number;
  readonly rssBytes: number;
  readonly rows: number;
  readonly receives: number;
}

export type Per = 'poll' | 'packet';

/**
 * @param ways words of netsoak-readers
 * @param per what CPU time is divided by; the rest is for one poll
 */
export async function readersCase(
  load: Load,
  ways: readonly string[],
  per: Per,
  budgetSeconds: number,
  measuring: Measuring,
): Promise<EvaluationCase> {
  const name =
    load.namespaces === 1
      ? `${group(load.sockets)} sockets in one namespace`
      : `${group(load.namespaces)} namespaces x ${load.sockets} sockets`;
  return inPlace(measuring, async (place) => {
    measuring.tell(`making ${name}`);
    await populate(place, load);
    const metrics = await inTurn(ways.length, budgetSeconds, async (variant, round) => {
      measuring.tell(`${name}: ${ways[variant]}, sample ${round} of 10`);
      return poll(place, ways[variant] as string, load, per);
    });
    measuring.tell(`${name}: counting system calls`);
    const calls = [];
    for (const way of ways) calls.push(await systemCalls(place, way));
    const counted = calls.flatMap((found) => (found === undefined ? [] : [[found.calls]]));
    return {
      name,
      metrics: counted.length === ways.length ? { ...metrics, syscalls: counted } : metrics,
      words: [{ what: 'dominant system call, by time', of: calls.map((found) => found?.dominant ?? 'no strace here') }],
    };
  });
}

function group(n: number): string {
  return n.toLocaleString('en-US');
}

async function populate(place: Place, { namespaces, sockets }: Load): Promise<void> {
  if (namespaces > 1) {
    await place.crowd().ask(`spread namespaces=${namespaces} sockets=${sockets}`);
    return;
  }
  // More than one process may hold: the place's own namespace, which is bound to a name like the others.
  await place.crowd().ask(`crowd sockets=${sockets}`);
  await place.talk('sh', '-c', 'read -r _; touch /run/netns/own; mount --bind /proc/self/ns/net /run/netns/own; echo done').ask('');
}

/** The second poll of a process of its own: the first has the first touch of its buffers, and opens what is kept. */
async function poll(place: Place, way: string, { namespaces, sockets }: Load, per: Per): Promise<Taken> {
  const reader = place.talk(READERS, way, '/run/netns');
  await reader.ask('');
  const polled = await reader.json<Polled>('');
  await reader.end();
  if (polled.rows !== namespaces * sockets) {
    throw new NetsoakError(
      'harness',
      'rows-missing',
      `${way} read ${polled.rows} of ${namespaces * sockets} sockets`,
      'its figures mean nothing',
    );
  }
  const { cpuNs, wallNs, switches, threads, rssBytes, receives } = polled;
  return { time: wallNs, cpu: per === 'packet' ? cpuNs / receives : cpuNs, switches, threads, rss: rssBytes };
}

/** Ways whose first poll opens what they keep. */
const KEEPING = new Set(['cached', 'blocking']);

/** Of one poll, by strace: which takes longest, and how many there are. Undefined without strace. */
async function systemCalls(place: Place, way: string): Promise<{ dominant: string; calls: number } | undefined> {
  const [without, withIt] = [place.file('strace-without'), place.file('strace-with')];
  const before = KEEPING.has(way) ? 1 : 0;
  const run = (polls: number, out: string) =>
    `yes '' | head -n ${polls} | strace -f -c -U name,time,calls -S time -o ${out} ${READERS} ${way} /run/netns >/dev/null 2>&1`;
  const answer = await place
    .talk('sh', '-c', `read -r _; ${run(before, without)} && ${run(before + 1, withIt)} && echo yes || echo no`)
    .ask('');
  if (answer !== 'yes') return undefined;
  // What starting the program takes is in both.
  const [first, last] = [tally(readFileSync(without, 'utf8')), tally(readFileSync(withIt, 'utf8'))];
  return { dominant: last.dominant, calls: last.calls - first.calls };
}

/** Of a summary of `strace -c -U name,time,calls -S time`. */
export function tally(summary: string): { readonly dominant: string; readonly calls: number } {
  const lines = [...summary.matchAll(/^\s*(\w+)\s+([\d.]+)\s+(\d+)\s*$/gm)].filter(([, name]) => name !== 'total');
  const [first] = lines;
  return {
    dominant: first?.[1] ?? 'none',
    calls: lines.reduce((sum, [, , , calls]) => sum + Number(calls), 0),
  };
}
