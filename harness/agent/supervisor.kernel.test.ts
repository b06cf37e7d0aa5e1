/** The supervisor and the sampler on real processes: what they say of starts, exits and replacements. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import { PROJECT } from '../project.js';
import { Starvation } from '../starvation.js';
import { Cgroup } from './cgroup.js';
import { commandLine } from './procfs.js';
import { Sampler } from './sampler.js';
import { SubjectSupervisor } from './supervisor.js';

const ready = createServer((_, response) => response.end('process_start_time_seconds 1\n'));
let url = '';
beforeAll(async () => {
  await new Promise<void>((done) => ready.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(ready.address() as { port: number }).port}/`;
});
afterAll(() => ready.close());

let folder: string;
let cgroup: Cgroup;
let events: RunEvent[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-supervisor-'));
  writeFileSync(join(folder, 'rows'), '');
  cgroup = Cgroup.forSubject(`test-${process.pid}-${Math.random().toString(36).slice(2)}`);
  events = [];
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  rmdirSync(cgroup.path);
  rmdirSync(dirname(cgroup.path));
});

function supervise(script: string, readyUrl = url, limitSeconds = 20, its = cgroup): SubjectSupervisor {
  const starvation = new Starvation(() => cgroup.pids());
  const relay = { program: join(PROJECT, 'native/build/netsoak-relay'), to: join(folder, 'rows') };
  return new SubjectSupervisor(
    { command: ['bash', '-c', script], environment: {}, readyUrl },
    its,
    relay,
    limitSeconds,
    (e) => events.push(e),
    () => starvation.seconds(),
  );
}

const told = (): string[] =>
  events.flatMap((e) => {
    if (e.kind === 'subject-start') return [`start ${e.start}${e.ordered ? '' : ' unordered'}`];
    if (e.kind === 'subject-exit') return [`exit ${e.start} ${e.signal ?? e.code}${e.ordered ? '' : ' unordered'}`];
    return e.kind === 'subject-replaced' ? [`replaced ${e.witness}`] : [];
  });

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 300 && !condition(); i++) await delay(100);
  expect(told()).toSatisfy(condition);
}

describe('the supervisor', () => {
  it('sees the children that the subject moves into a cgroup of its own below, and takes them with it', async () => {
    const child = join(cgroup.path, 'workers');
    const subject = supervise(
      `mkdir ${child}; sh -c 'echo $$ > ${child}/cgroup.procs && exec sleep 1000' & trap "exit 0" TERM; while :; do sleep 0.05; done`,
    );
    await subject.startReady(new AbortController().signal);
    // Ready is what the page says, not what the shell has come to.
    await until(() => existsSync(join(child, 'cgroup.procs')) && readFileSync(join(child, 'cgroup.procs'), 'utf8') !== '');
    const worker = Number(readFileSync(join(child, 'cgroup.procs'), 'utf8'));
    expect(cgroup.pids()).toContain(worker);
    expect(cgroup.pids()).toContain(subject.pid);
    await subject.stop();
    await until(() => cgroup.pids().length === 0);
    rmdirSync(child);
  });

  it('calls a stop ordered and takes the children of the subject with it', async () => {
    const subject = supervise('sleep 1000 & trap "exit 0" TERM; while :; do sleep 0.05; done');
    await subject.startReady(new AbortController().signal);
    await until(() => cgroup.pids().length >= 2);
    await subject.stop();
    expect(told()).toEqual(['start 1', 'exit 1 0']);
    expect(cgroup.pids()).toEqual([]);
  });

  it('starts a subject again that ended by itself, even with status 0, and counts it', async () => {
    const subject = supervise('sleep 0.3');
    await subject.startReady(new AbortController().signal);
    await until(() => events.filter((e) => e.kind === 'subject-start').length >= 3);
    await subject.stop();
    expect(told().slice(0, 5)).toEqual(['start 1', 'exit 1 0 unordered', 'start 2 unordered', 'exit 2 0 unordered', 'start 3 unordered']);
  });

  it('tells a kill that the plan ordered from one that it did not', async () => {
    const subject = supervise('exec sleep 1000');
    await subject.startReady(new AbortController().signal);
    subject.kill('SIGKILL');
    await until(() => told().includes('start 2'));
    process.kill(subject.pid ?? 0, 'SIGSEGV');
    await until(() => told().includes('start 3 unordered'));
    await subject.stop();
    expect(told()).toEqual(['start 1', 'exit 1 SIGKILL', 'start 2', 'exit 2 SIGSEGV unordered', 'start 3 unordered', 'exit 3 SIGTERM']);
  });

  it('hands on every byte of its output, framed by start', async () => {
    const subject = supervise('printf one; exec sleep 1000');
    await subject.startReady(new AbortController().signal);
    await delay(200);
    await subject.stop();
    const frames = readFileSync(join(folder, 'rows'));
    expect([frames.readUInt32LE(0), frames.readUInt32LE(4), frames.subarray(8, 11).toString()]).toEqual([1, 3, 'one']);
  });
});

describe('a subject that is not ready in time', () => {
  const hogs: ChildProcess[] = [];
  afterEach(() => {
    for (const hog of hogs.splice(0)) hog.kill('SIGKILL');
  });
  /** On one processor, like the subjects below; they take all of it. */
  const takeTheProcessor = (): void => {
    for (let i = 0; i < 3; i++) hogs.push(spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }));
  };
  const never = 'http://127.0.0.1:1/';

  it('and sleeps is the one that failed, however busy the machine is', async () => {
    takeTheProcessor();
    const subject = supervise('exec taskset -c 0 sleep 1000', never, 3);
    await expect(subject.startReady(new AbortController().signal)).rejects.toMatchObject({ owner: 'product', code: 'not-ready' });
    await subject.stop();
  });

  it('and was kept from running is waited for, and then it is the machine that failed', async () => {
    takeTheProcessor();
    const subject = supervise("exec taskset -c 0 nice -n 19 sh -c 'while :; do :; done'", never, 3);
    await expect(subject.startReady(new AbortController().signal)).rejects.toMatchObject({
      owner: 'infra',
      code: 'starved',
      message: expect.stringMatching(/within 15 s, of which it waited 1\d s/),
    });
    await subject.stop();
  });
});

describe('the sampler', () => {
  const quiet = () => ({
    metricsUrl: url,
    metrics: {},
    scrapeSeconds: 1,
    invariants: [],
    heapSnapshot: undefined,
    limitSeconds: 5,
    starvedSeconds: () => 0,
    keep: () => {},
  });

  const watch = (subject: SubjectSupervisor) => {
    const points: Readonly<Record<string, number | null>>[] = [];
    const sampler = new Sampler(
      subject,
      cgroup,
      quiet(),
      (e) => events.push(e),
      (v) => points.push(v),
    );
    return { sampler, points };
  };

  it('sees a program that replaces itself under the same pid', async () => {
    const subject = supervise('sleep 2.5; exec sleep 1000');
    const { sampler, points } = watch(subject);
    await subject.startReady(new AbortController().signal);
    sampler.start();
    await until(() => told().includes('replaced startstack'));
    sampler.stop();
    await subject.stop();
    expect(told()).toEqual(['start 1', 'replaced startstack', 'exit 1 SIGTERM']);
    expect(points.map((p) => p['subject.threads'])).toContain(1);
  });

  it('does not take the shell that becomes the subject for one that the subject replaced, however long that takes', async () => {
    const fifo = join(folder, 'procs');
    execFileSync('mkfifo', [fifo]);
    // The shell waits in its first line until somebody reads.
    const held = Object.create(cgroup, { procsFile: { value: fifo } }) as Cgroup;
    const subject = supervise('exec sleep 1000', url, 20, held);
    const { sampler, points } = watch(subject);
    const seen = (): number => points.filter((p) => p['subject.threads'] === 1).length;
    await subject.startReady(new AbortController().signal);
    writeFileSync(cgroup.procsFile, String(subject.pid));
    sampler.start();
    await until(() => seen() >= 2);
    readFileSync(fifo);
    await until(() => commandLine(subject.pid ?? 0)?.[0] === 'sleep');
    const before = seen();
    await until(() => seen() >= before + 3);
    sampler.stop();
    await subject.stop();
    expect(told()).toEqual(['start 1', 'exit 1 SIGTERM']);
  });

  it('says unknown, not zero, while there is no subject', async () => {
    const subject = supervise('exec sleep 1000');
    const points: Readonly<Record<string, number | null>>[] = [];
    const sampler = new Sampler(
      subject,
      cgroup,
      { ...quiet(), metricsUrl: 'http://127.0.0.1:1/', metrics: { 'subject.polls': 'x' } },
      () => {},
      (v) => points.push(v),
    );
    sampler.start();
    await delay(300);
    sampler.stop();
    expect(points[0]).toMatchObject({ 'subject.threads': null, 'subject.rssBytes': null, 'subject.fds': null });
    expect(points[1]).toMatchObject({ 'subject.scraped': null, 'subject.polls': null });
  });
});
