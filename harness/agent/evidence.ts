/**
 * What the subject looks like at the moment of a violation, from /proc (proc(5)): threads by name and wait channel, kernel stacks, open
 * files, memory by mapping. The short form goes into the event, the long one into files of the run directory.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { threadTable } from './procfs.js';

export interface Evidence {
  readonly data: Readonly<Record<string, unknown>>;
  /** Names and contents, for people. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

const MOST_THREADS = 500;
const MOST_LINES = 40;

/** Of all these processes. What can't be read any more is left out; nothing throws. */
export function gatherEvidence(pids: readonly number[]): Evidence {
  const threads = pids.flatMap((pid) => threadTable(pid));
  const stacks = pids.flatMap((pid) => threadTable(pid).map(({ tid, name }) => ({ name, stack: read(`/proc/${pid}/task/${tid}/stack`) })));
  const fds = pids.flatMap(openFiles);
  const smaps = pids.map((pid) => read(`/proc/${pid}/smaps`)).join('');
  return {
    data: {
      threads: threads.slice(0, MOST_THREADS),
      stacks: counted(stacks.map(({ stack }) => framesOf(stack))).slice(0, MOST_LINES),
      fds: counted(fds.map(({ target }) => kindOf(target))).slice(0, MOST_LINES),
      memory: largestMappings(smaps).slice(0, MOST_LINES),
    },
    files: [
      { name: 'stacks.txt', text: stacks.map(({ name, stack }) => `${name}\n${stack}\n`).join('\n') },
      { name: 'fds.txt', text: fds.map(({ pid, fd, target }) => `${pid} ${fd} ${target}\n`).join('') },
      { name: 'smaps.txt', text: smaps },
    ].filter(({ text }) => text.trim() !== ''),
  };
}

function openFiles(pid: number): { pid: number; fd: string; target: string }[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [{ pid, fd, target: readlinkSync(`/proc/${pid}/fd/${fd}`) }];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Without the number that makes each its own: `socket:[123]` is a socket, `net:[4026531840]` a namespace. */
export function kindOf(target: string): string {
  return target.replace(/:\[\d+\]$/, '').replace(/\/\d+(?=\/|$)/g, '/N');
}

/** The functions of a kernel stack, innermost first: `[<0>] ep_poll+0x36f/0x3b0` is ep_poll. Empty for a thread that runs. */
export function framesOf(stack: string): string {
  return stack
    .split('\n')
    .map((line) => /^\[<[^>]*>\] ([^+\s]+)/.exec(line)?.[1])
    .filter(Boolean)
    .slice(0, 5)
    .join(' < ');
}

/** How often each occurs, most frequent first. */
export function counted(names: readonly string[]): { name: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

/** Resident kilobytes by what is mapped, largest first; several mappings of one file are one. */
export function largestMappings(smaps: string): { name: string; kilobytes: number }[] {
  const sizes = new Map<string, number>();
  let name = '';
  for (const line of smaps.split('\n')) {
    const head = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$/.exec(line);
    if (head) name = head[1] || 'anonymous';
    const rss = /^Rss: +(\d+) kB$/.exec(line);
    if (rss) sizes.set(name, (sizes.get(name) ?? 0) + Number(rss[1]));
  }
  return [...sizes].map(([of, kilobytes]) => ({ name: of, kilobytes })).sort((a, b) => b.kilobytes - a.kilobytes);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
