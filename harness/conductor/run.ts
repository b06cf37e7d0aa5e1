/**
 * Conducts one run from outside the target: starts guardian, judge and target, gives the agent its work,
 * stores every fact as it comes, and ends everything. It forms no opinion; the verdict is derived afterwards
 * from what is stored. Nothing it starts outlives it.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { GuestKernel } from '../../vm/kernel.js';
import { throughPhases } from '../agent/faults/phases.js';
import { calibrate, type FromAgent, type Hello, type Work } from '../agent/protocol.js';
import { deferred } from '../deferred.js';
import { explain, NetsoakError } from '../errors.js';
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import { disown, own } from '../owner.js';
import type { Given } from '../pipeline/given.js';
import type { Services } from '../pipeline/services.js';
import { PROJECT } from '../project.js';
import type { RunStore } from '../store.js';
import type { SubjectDescription } from '../subject.js';
import type { Target, TargetSockets } from '../target/target.js';
import { RUN_OF_WORK_DIR, WORK_DIR } from '../work-dir.js';
import { type Control, listenControl } from './control.js';
import { dumpMemory, GUEST_MEMORY, isTrouble } from './dump.js';
import { vmPaused } from './faults.js';
import { startGuardian } from './guardian.js';
import { type Judge, startJudge } from './judge-process.js';
import { Limits } from './limits.js';
import { watchMachine } from './machine-starvation.js';
import { watchOwnCost } from './own-cost.js';
import { ServicesBeside } from './services.js';
import { openDoor, type ShellDoor } from './shell-door.js';
import { startTarget } from './start-target.js';

const SERVICES_SECONDS = 240;
/** For the judge's last words; where it keeps books, they are to be settled first (judge/main.ts gives that ten minutes at most). */
const JUDGE_SECONDS = 30;
const BOOKS_SECONDS = 660;

export interface ConductOptions {
  readonly plan: Plan;
  readonly store: RunStore;
  readonly scenarioFile: string;
  readonly subject: SubjectDescription;
  /** The guest's kernel, where one was asked for. */
  readonly kernel: GuestKernel | undefined;
  /** Expected slowness of the target before it could be measured. */
  readonly expectedSlowdown: number;
  /** Aborted by the first ^C: heal, sample, end as partial. */
  readonly interrupt: AbortSignal;
  /** Leave the folder of sockets and temporary files where it is, also when we are killed. */
  readonly keepWorkDir: boolean;
  /** Broker and database that somebody else runs. */
  readonly given: Given;
  readonly onEvent: (event: Stored<RunEvent>) => void;
  readonly onSeries: (point: SeriesPoint) => void;
}

/** Returns the folder of sockets and temporary files if it was to be kept. */
export async function conduct(o: ConductOptions): Promise<string | undefined> {
  const workDir = mkdtempSync(join(tmpdir(), WORK_DIR));
  own(workDir);
  if (o.keepWorkDir) writeFileSync(join(workDir, RUN_OF_WORK_DIR), `${o.store.directory}\n`);
  // Runs in different places may have the same id; on this machine the pid tells them apart.
  const cgroup = `${o.plan.id}-${process.pid}`;
  const guardian = startGuardian(cgroup, o.keepWorkDir ? undefined : workDir, o.plan.target === 'host' || o.plan.services !== undefined);
  const run = new Conduct(o, workDir, cgroup);
  try {
    await run.perform();
  } catch (error) {
    if (!(error instanceof Interrupted)) {
      const e = explain(error);
      run.emit({ kind: 'error', owner: e.owner, code: e.code, message: e.message, hint: e.hint, ageSeconds: e.ageSeconds });
    }
  } finally {
    await run.end();
    await guardian.release();
  }
  run.emit({ kind: 'run-end' });
  if (!o.keepWorkDir) return undefined;
  disown(workDir);
  return workDir;
}

class Conduct {
  #target: Target | undefined;
  #control: Control | undefined;
  #judge: Judge | undefined;
  readonly #beside: ServicesBeside;
  readonly #faults: Promise<void>[] = [];
  #ending = false;
  readonly #limits: Limits;
  #storeFailed = false;
  readonly #abort = new AbortController();
  readonly #hello = deferred<Hello>();
  readonly #calibration = deferred<number>();
  /** When the agent was heard first: `performance.now()`. */
  #answeredAt = 0;
  /** On the run's clock, once the measured phase has ended. */
  #measuredUntil: number | undefined;
  #dumping: Promise<void> | undefined;
  readonly #watches: (() => void)[] = [];
  #door: ShellDoor | undefined;
  readonly #bye = deferred<boolean>();

  constructor(
    private readonly o: ConductOptions,
    private readonly workDir: string,
    private readonly cgroup: string,
  ) {
    this.#limits = new Limits({
      target: o.plan.target,
      expectedSlowdown: o.expectedSlowdown,
      signal: this.#abort.signal,
      whereabouts: async () => {
        const machine = this.#target?.machine;
        return machine ? `: ${await machine.whereabouts()}` : '';
      },
    });
    this.#beside = new ServicesBeside({
      plan: o.plan,
      given: o.given,
      cgroup,
      dir: join(workDir, 'services'),
      signal: this.#abort.signal,
      emit: (event) => this.emit(event),
      series: (v) => this.#series(v),
      lost: (error) => this.#serviceLost(error),
    });
  }

  /** Stores a fact. What the store can't take at all is at least seen. */
  emit(event: RunEvent): void {
    const stored = this.#stored(() => this.o.store.event(event)) ?? { at: this.o.store.now(), ...event };
    this.o.onEvent(stored);
    if (this.o.keepWorkDir && isTrouble(event)) this.#keepMemory();
    if (event.kind === 'stage' && event.stage === 'measure') {
      this.#judge?.measure(event.state);
      if (event.state === 'end') this.#measuredUntil = stored.at;
    }
    if (event.kind === 'subject-start') this.#judge?.began();
    if (event.kind === 'subject-exit') this.#judge?.ended(event.start, event.signal !== null || event.code !== 0);
    if (event.kind === 'stage' && event.stage === 'heal' && event.state === 'begin') this.#limitHealing('the end of its measured phase');
  }

  /** @param when how many seconds ago it was true, or of the measured phase as a whole: stands at its end, which belongs to it */
  #series(v: SeriesPoint['v'], when: number | 'phase' = 0): void {
    const now = this.o.store.now();
    const point = this.#stored(() => this.o.store.series(v, when === 'phase' ? (this.#measuredUntil ?? now) : now - when));
    if (point) this.o.onSeries(point);
  }

  /** Stores; a store that is full or broken ends the run, once. */
  #stored<T>(store: () => T): T | undefined {
    let result: T | undefined;
    let failure: Error | undefined;
    try {
      result = store();
      if (this.o.store.full) failure = Object.assign(new Error(), { code: 'ENOSPC', path: this.o.store.directory });
    } catch (error) {
      failure = error as Error;
    }
    if (failure && !this.#storeFailed) {
      this.#storeFailed = true;
      this.#bye.reject(explain(failure));
    }
    return result;
  }

  async perform(): Promise<void> {
    const { plan } = this.o;
    // A rejection that nobody awaits yet (a full disk during boot) is picked up by the race below.
    this.#bye.promise.catch(() => {});
    this.#hello.promise.catch(() => {});
    const sockets: TargetSockets = {
      control: join(this.workDir, 'control'),
      rows: join(this.workDir, 'rows'),
      ledger: join(this.workDir, 'ledger'),
    };
    this.#judge = await startJudge({
      rows: sockets.rows,
      ledger: sockets.ledger,
      intervalSeconds: plan.subject.pollIntervalSeconds,
      format: this.o.subject.rows.format,
      lacks: this.o.subject.rows.lacks,
      onEvent: (event) => this.emit(event),
      onSeries: (v, when) => this.#series(v, when),
    });
    this.#control = await listenControl(sockets.control, (message) => this.#receive(message));

    this.emit({ kind: 'stage', stage: 'boot', state: 'begin' });
    const services = await this.#startServices();
    this.emit({ kind: 'target', state: 'starting', detail: `${plan.target}, ${plan.acceleratorReason}` });
    const target = await this.#unlessInterrupted(this.#startTarget(sockets));
    this.#target = target;
    const { bootSeconds } = this.#limits;
    const hello = await this.#within(
      bootSeconds,
      this.#hello.promise,
      'boot',
      `the agent did not answer within ${bootSeconds} s of starting the target`,
    );
    const calibrationMs = await this.#within(
      bootSeconds,
      this.#calibration.promise,
      'boot',
      `the agent did not say how fast it is within ${bootSeconds} s of its first answer`,
    );
    this.#measureSlowdown(hello, calibrationMs, (this.#answeredAt - target.poweredOnAt) / 1000);
    await services?.openDoors(target.pid);
    this.emit({ kind: 'stage', stage: 'boot', state: 'end' });

    this.#control.send({ cmd: 'run', work: this.#work(services) });
    this.#watches.push(watchOwnCost((v) => this.#series(v)));
    if (target.machine) this.#watches.push(watchMachine(target.pid, (seconds) => this.#starved(seconds)));
    if (target.machine) this.#door = await this.#openDoor();
    this.o.interrupt.addEventListener('abort', () => this.#interrupt(), { once: true });
    if (this.o.interrupt.aborted) this.#interrupt();
    await Promise.race([this.#bye.promise, this.#targetLost(), this.#limits.silence(), this.#judge.silence(this.#abort.signal)]);
  }

  /** Ends target, judge and channels, whatever state they are in. */
  async end(): Promise<void> {
    this.#ending = true;
    this.emit({ kind: 'stage', stage: 'shutdown', state: 'begin' });
    for (const unwatch of this.#watches) unwatch();
    this.#door?.close();
    // After an error the agent still works on; after its bye nobody listens.
    this.#control?.send({ cmd: 'interrupt', reason: 'the run is over' });
    const late = delay(this.#limits.endSeconds * 1000, undefined, { ref: false });
    const orderly = this.#target && (await Promise.race([this.#target.exited, late]));
    await this.#dumping;
    if (this.#target && !orderly) await this.#target.kill();
    this.#abort.abort();
    if (this.#target) this.emit({ kind: 'target', state: 'down', detail: orderly ? orderly.sentence : 'it was ended' });
    await this.#judge?.finish(this.o.plan.services ? BOOKS_SECONDS : JUDGE_SECONDS);
    // A fault that is under way recovers first, or would start what was ended; the signal makes that short.
    await Promise.all(this.#faults);
    await this.#beside.end();
    this.#control?.close();
    this.emit({ kind: 'stage', stage: 'shutdown', state: 'end' });
  }

  #startTarget(sockets: TargetSockets): Promise<Target> {
    const { plan, store, kernel } = this.o;
    return startTarget(sockets, {
      plan,
      kernel,
      directory: store.directory,
      workDir: this.workDir,
      slowdown: this.#limits.slowdown,
      onSilent: (text) => this.emit({ kind: 'note', text }),
      signal: this.#abort.signal,
    });
  }

  async #startServices(): Promise<Services | undefined> {
    const starting = this.#beside.start();
    if (!starting) return undefined;
    const services = await this.#within(SERVICES_SECONDS, starting, 'services', `the services did not start in ${SERVICES_SECONDS} s`);
    const places = await this.#beside.watch(services);
    if (places) this.#judge?.keepBooks(places);
    return services;
  }

  /** After the work of the target is over nobody waits for it any more, and the books are still to be settled. */
  #serviceLost(error: NetsoakError): void {
    const { owner, code, message, hint } = error;
    if (this.#ending) this.emit({ kind: 'error', owner, code, message, hint });
    else this.#bye.reject(error);
  }

  /** Runs a fault of what is outside through its phases and tells the agent, which waits for it. Never rejects. */
  async #fault({ call, name, seconds }: Extract<FromAgent, { fault: unknown }>['fault']): Promise<void> {
    // A target that is held from outside says nothing; that is meant so.
    const release = name === 'vm-paused' ? this.#limits.hold() : () => {};
    try {
      const fault = name === 'vm-paused' ? vmPaused(this.#target?.machine, () => this.#limits.heardAt) : await this.#beside.fault(name);
      await throughPhases(fault, {
        name,
        seconds,
        limitSeconds: SERVICES_SECONDS,
        signal: AbortSignal.any([this.#abort.signal, this.o.interrupt]),
        emit: (event) => this.emit(event),
      });
      this.#control?.send({ cmd: 'fault-over', call });
    } catch (error) {
      this.#control?.send({ cmd: 'fault-over', call, error: (error as Error).message });
    } finally {
      release();
    }
  }

  /** @param firstAnswerSeconds from power-on to the agent's first words */
  #measureSlowdown(hello: Hello, calibrationMs: number, firstAnswerSeconds: number): void {
    // On `host` it is the same machine; what the two figures differ by there is noise.
    this.#limits.measured(this.o.plan.target === 'host' ? 1 : calibrationMs / calibrate());
    const answer = firstAnswerSeconds.toFixed(1);
    this.emit({
      kind: 'target',
      state: 'up',
      detail: `kernel ${hello.kernel}, node ${hello.node}, first answer ${answer} s after power-on`,
      slowdown: this.#limits.slowdown,
      facts: { kernel: hello.kernel, node: hello.node, firstAnswerSeconds: answer },
    });
  }

  #work(services: Services | undefined): Work {
    const { plan, scenarioFile, subject } = this.o;
    return {
      cgroup: this.cgroup,
      scenarioFile,
      settings: plan.settings,
      durationSeconds: plan.durationSeconds,
      seed: plan.seed,
      slowdown: this.#limits.slowdown,
      subject,
      invariants: plan.invariants,
      faults: plan.faults ?? [],
      programs: {
        load: join(PROJECT, 'native/build/netsoak-load'),
        contained: join(PROJECT, 'native/build/netsoak-contained'),
        relay: join(PROJECT, 'native/build/netsoak-relay'),
      },
      project: PROJECT,
      services: { ...services?.inside },
      profile: plan.profile === true,
    };
  }

  #receive(message: FromAgent): void {
    this.#limits.heard();
    if ('event' in message) this.emit(message.event);
    else if ('series' in message) {
      this.#series(message.series);
      this.#tellBooks(message.series);
    } else if ('file' in message)
      this.#stored(() => this.o.store.file(message.file.kind, message.file.name, Buffer.from(message.file.gzip, 'base64')));
    else if ('shell' in message) this.#door?.hear(message.shell, message.say);
    else if ('fault' in message) this.#faults.push(this.#fault(message.fault));
    else if ('hello' in message) {
      this.#answeredAt = performance.now();
      this.#hello.resolve(message.hello);
    } else if ('calibrationMs' in message) this.#calibration.resolve(message.calibrationMs);
    else if ('bye' in message) this.#bye.resolve(message.bye.finished);
  }

  #openDoor(): Promise<ShellDoor> {
    return openDoor(
      this.o.store.directory,
      join(this.workDir, 'shell'),
      (shell, say) => this.#control?.send({ cmd: 'shell', shell, say }),
      () => this.emit({ kind: 'note', text: 'somebody opened a shell in the VM' }),
    );
  }

  /** The agent waits longer for a subject in a machine that does not run. */
  #starved(seconds: number): void {
    this.#series({ 'target.starvedSeconds': seconds });
    this.#control?.send({ cmd: 'starved', seconds });
  }

  /** What a scrape of the subject says of its own books, for those kept of its rows. */
  #tellBooks(v: SeriesPoint['v']): void {
    const read = v['subject.rowsRead'];
    const inMemory = v['subject.rowsInMemory'];
    if (this.o.plan.services === undefined || read == null || inMemory == null) return;
    this.#judge?.told({
      read,
      inMemory,
      dropped: v['subject.rowsDropped'] ?? 0,
      inSpool: v['subject.rowsInSpool'] ?? 0,
      polls: v['subject.polls'] ?? 0,
      recordsWaiting: v['subject.pollRecordsWaiting'] ?? 0,
    });
  }

  /** With --keep: the machine's memory at the first sign of trouble, once. It stands still meanwhile, which its clock does not see. */
  #keepMemory(): void {
    const machine = this.#target?.machine;
    if (!machine || this.#dumping) return;
    const file = join(this.o.store.directory, GUEST_MEMORY);
    const release = this.#limits.hold();
    this.#dumping = dumpMemory(machine, file)
      .then((told) => this.emit({ kind: 'note', text: told }))
      .finally(release);
  }

  #interrupt(): void {
    this.emit({ kind: 'interrupted', signal: String(this.o.interrupt.reason) });
    this.#control?.send({ cmd: 'interrupt', reason: 'interrupted' });
    this.#limitHealing('the interruption');
  }

  #limitHealing(since: string): void {
    this.#limits.healing(since).then(
      (late) => this.#bye.reject(late),
      () => {},
    );
  }

  /** Rejects when the target ends before the agent said bye. */
  async #targetLost(): Promise<never> {
    if (this.#target === undefined) return never();
    const exit = await this.#target.exited;
    // What the agent wrote last may still be on its way through the socket.
    const bye = await Promise.race([this.#bye.promise, delay(1000, 'lost', { ref: false })]);
    if (bye === 'lost')
      throw new NetsoakError('infra', 'target-lost', exit.sentence, 'console.log in the run directory has the last words of its kernel');
    return new Promise(() => {});
  }

  async #within<T>(seconds: number, work: Promise<T>, code: string, sentence: string): Promise<T> {
    const late = this.#limits.late(seconds, code, sentence);
    try {
      return await this.#unlessInterrupted(Promise.race([work, late.rejected]));
    } finally {
      late.inTime();
    }
  }

  /** For what comes before the agent has its work: rejects at the first ^C and when the target ends. */
  async #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    const interrupted = deferred<never>();
    const give = (): void => {
      this.emit({ kind: 'interrupted', signal: String(this.o.interrupt.reason) });
      interrupted.reject(new Interrupted());
    };
    if (this.o.interrupt.aborted) give();
    else this.o.interrupt.addEventListener('abort', give, { once: true });
    try {
      return await Promise.race([work, interrupted.promise, this.#targetLost(), this.#bye.promise.then(() => never<T>())]);
    } finally {
      this.o.interrupt.removeEventListener('abort', give);
    }
  }
}

/** The first ^C came before the target was up: an end in order, told by the `interrupted` fact. */
class Interrupted extends Error {}

function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
