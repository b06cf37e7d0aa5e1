/**
 * What the scenarios of the reconcilers share: hands and eyes in the target that are not the subject's (iproute2), a way to talk to the
 * subject as an operator's script would (its control socket), and cases: something was done to the kernel, and by a limit the kernel must
 * look so. The judge is always iproute2; what the subject says of itself is never enough.
 */
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import type { Invariant } from '../../harness/facts/plan.js';
import type { StepContext } from '../../harness/scenario.js';

const MIB = 1024 * 1024;

/** Runs a program, with text for its standard input; gives its standard output. @throws Error with what it complained of */
export function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [out, complaint] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    // A program that ends without reading is told of by its status.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', fail);
    child.once('close', (code) => (code === 0 ? done(out) : fail(new Error(`${program} ${args.join(' ')}: ${complaint.trim()}`))));
  });
}

/** Words of one command line. */
export const sh = (line: string): Promise<string> => {
  const [program = '', ...args] = line.split(' ');
  return run(program, args);
};

/** Lines for `ip -batch`. With `force` those that fail do not keep the others from being done. */
export const ip = (lines: readonly string[], force = false): Promise<string> =>
  run('ip', [...(force ? ['-force'] : []), '-batch', '-'], `${lines.join('\n')}\n`).catch((error: Error) => {
    if (force) return '';
    throw error;
  });

export const tc = (lines: readonly string[]): Promise<string> => run('tc', ['-batch', '-'], `${lines.join('\n')}\n`);

/** What iproute2 prints as JSON. */
export async function listed<T>(line: string): Promise<readonly T[]> {
  const text = await sh(line);
  return text.trim() === '' ? [] : (JSON.parse(text) as readonly T[]);
}

export const SOCKET = '/run/netsoakd.sock';

/** Says one command to the subject. @throws Error with its answer when that is no */
export function ctl(...words: readonly string[]): Promise<unknown> {
  return new Promise((done, fail) => {
    const socket = createConnection(SOCKET);
    let text = '';
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    socket.once('error', fail);
    socket.once('close', () => {
      if (text === '') return fail(new Error(`no answer to ${words.join(' ')}`));
      const answer = JSON.parse(text) as { ok?: unknown; error?: string };
      if (answer.error === undefined) done(answer.ok);
      else fail(new Error(answer.error));
    });
    socket.end(`${JSON.stringify(words)}\n`);
  });
}

/** Messages that the kernel dropped on netlink sockets that are open here now: the last column but one of /proc/net/netlink. */
export async function drops(): Promise<number> {
  const lines = (await sh('cat /proc/net/netlink')).trim().split('\n').slice(1);
  return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[8]), 0);
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** '' when the two lists hold the same, in whatever order, else what differs. */
export function difference(seen: readonly string[], expected: readonly string[]): string {
  const missing = expected.filter((each) => !seen.includes(each));
  const extra = seen.filter((each) => !expected.includes(each));
  const twice = seen.length !== new Set(seen).size ? ['something is there twice'] : [];
  return [...missing.map((each) => `missing ${each}`), ...extra.map((each) => `not wanted ${each}`), ...twice].join('; ');
}

/** '' when the world is as it should be, else how it differs. */
export type Check = () => Promise<string>;

/** How much longer than on this machine everything may take. Capped: a target that was measured in a bad moment must not wait for hours. */
export const slackOf = (slowdown: number): number => Math.min(8, Math.max(1, slowdown / 4));

/** Timers of an idle machine are late by less. */
const LATE_MS = 10;

export interface Cases {
  /** By so many seconds (on a target as fast as this machine, not counting those in which it ran others) the world is as it should be. */
  becomes(what: string, seconds: number, check: Check): Promise<void>;
  /** For so long it is as it should be, without a break. */
  stays(what: string, seconds: number, check: Check): Promise<void>;
}

/** Series `cases.done`, `cases.wrong` and `cases.healSeconds`, and an offence for each that went wrong. */
export function casesOf({ sample, offend, slowdown, sleep }: StepContext): Cases {
  const slack = slackOf(slowdown);
  let [done, wrong] = [0, 0];
  const file = async (what: string, complaint: string, seconds?: number) => {
    done++;
    if (complaint !== '') wrong++;
    await sample({ 'cases.done': done, 'cases.wrong': wrong, ...(seconds !== undefined && { 'cases.healSeconds': seconds }) });
    if (complaint !== '') offend('outcomes', `${what}: ${complaint}`);
  };
  return {
    async becomes(what, seconds, check) {
      const began = performance.now();
      let limit = began + seconds * slack * 1000;
      let complaint = await check();
      while (complaint !== '' && performance.now() < limit) {
        const [pause, from] = [0.05 * slack, performance.now()];
        await sleep(pause);
        // What a pause lasts longer than it should, this machine ran others instead of us, and of the subject.
        limit += Math.max(0, performance.now() - from - pause * 1000 - LATE_MS);
        complaint = await check();
      }
      await file(what, complaint, (performance.now() - began) / 1000);
    },
    async stays(what, seconds, check) {
      const until = performance.now() + seconds * slack * 1000;
      let complaint = '';
      while (complaint === '' && performance.now() < until) {
        await sleep(0.1 * slack);
        complaint = await check();
      }
      await file(what, complaint);
    },
  };
}

export const reconcilerInvariants: readonly Invariant[] = [
  { name: 'outcomes', type: 'ceiling', series: 'cases.wrong', max: 0, why: 'after each fault the kernel is as it should be, in time' },
  {
    name: 'threads',
    type: 'ceiling',
    series: 'subject.threads',
    max: 18,
    why: 'a session, a monitor, and what a collector has without them',
  },
  { name: 'restarts', type: 'restarts', max: 0, why: 'the subject lives through the run in one piece' },
  {
    name: 'rss',
    type: 'ceiling-over-median',
    series: 'subject.rssBytes',
    factor: 1.2,
    plus: 16 * MIB,
    why: 'memory stays near where it settled',
  },
  { name: 'rss-leak', type: 'leak', series: 'subject.rssBytes', minGrowth: 8 * MIB, why: 'no slow growth of memory' },
  { name: 'fds', type: 'ceiling-over-median', series: 'subject.fds', factor: 1, plus: 8, why: 'descriptors stay near where they settled' },
  { name: 'fd-leak', type: 'leak', series: 'subject.fds', minGrowth: 8, why: 'no slow growth of descriptors' },
];
