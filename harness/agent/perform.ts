/**
 * The work of the agent: it starts subject, load and scenario, samples, and tells everything to the conductor outside. It judges nothing.
 * Apart from main.ts, which answers first and loads this then.
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent, Stage } from '../facts/events.js';
import type { OutsideFaultName } from '../facts/faults.js';
import { fill } from '../placeholders.js';
import { Starvation } from '../starvation.js';
import { Cgroup, runCgroup } from './cgroup.js';
import type { Channel } from './channel.js';
import { Containers } from './containers.js';
import { MAKE } from './faults/catalogue.js';
import { OutsideFaults } from './faults/outside.js';
import { throughPhases } from './faults/phases.js';
import type { Patient } from './faults/subject.js';
import { LoadGenerator } from './load.js';
import { Patience } from './patience.js';
import { SubjectProfiler } from './profiler.js';
import type { Work } from './protocol.js';
import { Sampler } from './sampler.js';
import type { FromScenario, ToScenario } from './scenario-process.js';
import { SubjectSupervisor } from './supervisor.js';

/** What the agent was started with: its channel, and where rows and ledger go. */
export interface Equipment {
  readonly channel: Channel;
  readonly rows: string;
  readonly ledger: string;
}

/** A port that nobody has in this target's network namespace. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

const isOurs = (name: unknown): name is keyof typeof MAKE => typeof name === 'string' && name in MAKE;

/** {spool} of subjects that keep one; /run is the target's own. */
const SPOOL = '/run/netsoak-spool';
/** {rowsSocket} of subjects that connect to one with their rows. */
const ROWS_SOCKET = '/run/netsoak-rows';

let channel: Channel;
let rowsPath = '';
let ledgerPath = '';
const outside = new OutsideFaults((fault) => channel.send({ fault }));
let interrupt: ((reason: string) => void) | undefined;
/** For how long the machine outside kept this target from running. */
let outsideStarved = 0;
const emit = (event: RunEvent): void => channel.send({ event });
const keep = (kind: 'profiles' | 'evidence', name: string, gzip: Buffer): void =>
  channel.send({ file: { kind, name, gzip: gzip.toString('base64') } });

/** Does the work and ends the process. */
export function begin(work: Work, equipment: Equipment): Promise<never> {
  channel = equipment.channel;
  rowsPath = equipment.rows;
  ledgerPath = equipment.ledger;
  return perform(work).then(() => leave(0), crash);
}

/** The conductor wants it to come to an end in order. */
export function interruptWork(reason: string): void {
  interrupt?.(reason);
}

/** A fault that the conductor was asked for is over. */
export function outsideFaultOver(message: Parameters<OutsideFaults['over']>[0]): void {
  outside.over(message);
}

/** What the conductor sees and nobody in here can. */
export function targetStarved(seconds: number): void {
  outsideStarved = seconds;
}

async function perform(work: Work): Promise<void> {
  const metricsPort = await freePort();
  const placeholders = {
    ...work.settings,
    ...work.services,
    node: process.execPath,
    project: work.project,
    spool: SPOOL,
    metricsPort,
    rowsSocket: ROWS_SOCKET,
  };
  const cgroup = Cgroup.forSubject(work.cgroup);
  const limitSeconds = 20 * Math.max(1, work.slowdown / 4);
  const starvation = new Starvation(() => cgroup.pids());
  const starvedInAll = (): number => starvation.seconds() + outsideStarved;
  const profiler = work.profile ? new SubjectProfiler(work.durationSeconds, emit, (name, gzip) => keep('profiles', name, gzip)) : undefined;
  const environment = Object.fromEntries(Object.entries(work.subject.environment).map(([k, v]) => [k, fill(v, placeholders)]));
  const supervisor = new SubjectSupervisor(
    {
      command: work.subject.command.map((word) => fill(word, placeholders)),
      environment: profiler?.environment(environment) ?? environment,
      readyUrl: fill(work.subject.ready, placeholders),
      ...(work.subject.rows.from === 'unix' && { rowsSocket: ROWS_SOCKET }),
    },
    cgroup,
    { program: work.programs.relay, to: rowsPath },
    limitSeconds,
    emit,
    starvedInAll,
  );
  const sampler = new Sampler(
    supervisor,
    cgroup,
    {
      metricsUrl: fill(work.subject.metrics.url, placeholders),
      metrics: work.subject.metrics.series,
      scrapeSeconds: work.slowdown > 4 ? 5 : 1,
      invariants: work.invariants,
      heapSnapshot: work.subject.heapSnapshot,
      limitSeconds,
      starvedSeconds: () => starvation.seconds(),
      keep: (name, gzip) => keep('evidence', name, gzip),
    },
    emit,
    (series) => channel.send({ series }),
  );
  const containers = new Containers({
    program: work.programs.contained,
    cgroup: runCgroup(work.cgroup),
    tell: (line) => load.tell(line),
    limitSeconds,
  });
  const load = new LoadGenerator(work.programs.load, ledgerPath, work.seed, emit);
  const abort = new AbortController();
  const patient: Patient = {
    supervisor,
    cgroup,
    load,
    spool: SPOOL,
    sample: (values) => channel.send({ series: values }),
  };
  const stopSubject = async (): Promise<void> => {
    const { pid } = supervisor;
    await supervisor.stop();
    await profiler?.collect(pid);
  };

  let stage = 'setup' as Stage;
  const enter = (next: Stage): void => {
    emit({ kind: 'stage', stage, state: 'end' });
    stage = next;
    sampler.measuring = next === 'measure';
    emit({ kind: 'stage', stage, state: 'begin' });
  };
  emit({ kind: 'stage', stage, state: 'begin' });

  const actions: Readonly<Record<string, (values: Readonly<Record<string, number | string>>) => unknown>> = {
    'subject.start': async () => {
      // From the beginning, as after a restart that nobody ordered: a slow target takes half a minute to be ready.
      sampler.start();
      await supervisor.startReady(abort.signal);
      if (supervisor.pid !== undefined) profiler?.watch(supervisor.pid);
    },
    'subject.stop': async () => {
      sampler.stop();
      await stopSubject();
    },
    'subject.until': async ({ series, most, limitSeconds: seconds }) => {
      const patience = new Patience(Number(seconds), starvedInAll, 2);
      for (let value = await sampler.read(String(series)); value !== undefined; value = await sampler.read(String(series))) {
        if (value !== null && value <= Number(most)) return;
        if (patience.over)
          throw patience.error(
            'not-reached',
            `${series} is ${value ?? 'unknown'}, and did not come down to ${most}`,
            'its spool was not emptied',
          );
        await delay(500, undefined, { signal: abort.signal });
      }
    },
    'subject.kill': ({ signal }) => supervisor.kill(signal as NodeJS.Signals),
    fault: ({ name, seconds }) => {
      if (!isOurs(name)) return outside.ask({ name: name as OutsideFaultName, seconds: Number(seconds) }, abort.signal);
      return throughPhases(MAKE[name](patient), { name, seconds: Number(seconds), limitSeconds, signal: abort.signal, emit });
    },
    sample: (values) => channel.send({ series: values as Readonly<Record<string, number>> }),
    stage: ({ stage: next }) => enter(next as Stage),
    'load.steady': (v) => load.command('steady', v as Record<string, number>),
    'load.pulse': (v) => load.command('pulse', v as Record<string, number>),
    'load.churn': (v) => load.command('churn', v as Record<string, number>),
    'load.stop-churn': () => load.command('stop-churn'),
    'containers.start': async ({ connections }) => {
      await containers.start(Number(connections));
      channel.send({ series: containers.counts });
    },
    'containers.stop-oldest': async () => {
      await containers.stopOldest();
      channel.send({ series: containers.counts });
    },
    'load.brief': (v) => load.command('brief', v as Record<string, number>),
    'load.stop-brief': () => load.command('stop-brief'),
  };

  const child = fork(join(import.meta.dirname, 'scenario-process.js'), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const tell = (message: ToScenario): void => {
    if (child.connected) child.send(message);
  };
  interrupt = (reason) => {
    abort.abort(new Error(reason));
    tell({ abort: reason });
  };
  const finished = await new Promise<boolean>((done) => {
    let passed = false;
    child.on('message', (message: FromScenario) => {
      if ('event' in message) emit(message.event);
      else if ('done' in message) passed = message.done;
      else {
        Promise.resolve(actions[message.what]?.(message.values)).then(
          () => tell({ reply: message.call }),
          (error: Error & { owner?: 'product' | 'infra'; code?: string; hint?: string }) => {
            // An interrupted call is no error of anybody's.
            if (error.owner && !abort.signal.aborted)
              emit({ kind: 'error', owner: error.owner, code: error.code ?? '', message: error.message, hint: error.hint ?? '' });
            tell({ reply: message.call, error: error.message });
          },
        );
      }
    });
    child.once('exit', () => done(passed));
    tell({ work });
  });

  if (stage !== 'heal') enter('heal');
  sampler.stop();
  await stopSubject();
  profiler?.close();
  await containers.close();
  await load.close(2 * limitSeconds);
  emit({ kind: 'stage', stage: 'heal', state: 'end' });
  channel.send({ bye: { finished } });
}

async function leave(code: number): Promise<never> {
  await channel.close();
  process.exit(code);
}

function crash(error: Error): Promise<never> {
  emit({
    kind: 'error',
    owner: (error as { owner?: 'infra' }).owner ?? 'harness',
    code: 'agent',
    message: error.message,
    hint: error.stack ?? '',
  });
  return leave(1);
}
