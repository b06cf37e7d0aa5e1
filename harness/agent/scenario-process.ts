/**
 * The process in which a scenario's steps run, a child of the agent: a step that loops or exits cannot take
 * the sampler and the heartbeat with it. Everything it wants done it asks the agent for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '../facts/events.js';
import type { FaultName } from '../facts/faults.js';
import type { StepContext } from '../scenario.js';
import type { Work } from './protocol.js';
import { runScenario } from './runner.js';

export type ToScenario = { readonly work: Work } | { readonly abort: string } | { readonly reply: number; readonly error?: string };
export type FromScenario =
  | { readonly event: RunEvent }
  | { readonly call: number; readonly what: string; readonly values: Readonly<Record<string, number | string>> }
  | { readonly done: boolean };

const abort = new AbortController();
const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
let calls = 0;

const send = (message: FromScenario): void => void process.send?.(message);

function ask(what: string, values: Readonly<Record<string, number | string>> = {}): Promise<void> {
  const call = ++calls;
  return new Promise((resolve, reject) => {
    waiting.set(call, { resolve, reject });
    send({ call, what, values });
  });
}

function contextOf(work: Work): StepContext {
  return {
    settings: work.settings,
    durationSeconds: work.durationSeconds,
    seed: work.seed,
    slowdown: work.slowdown,
    signal: abort.signal,
    services: work.services,
    load: {
      steady: (o) => ask('load.steady', o),
      pulse: (o) => ask('load.pulse', { interval_ms: o.intervalMs, bytes: o.bytes }),
      churn: (o) =>
        ask('load.churn', { interval_ms: o.intervalMs, min_ms: o.minLifetimeMs, max_ms: o.maxLifetimeMs, connections: o.connections }),
      stopChurn: () => ask('load.stop-churn'),
      brief: (o) => ask('load.brief', { per_second: o.perSecond, after_ms: o.afterMs }),
      stopBrief: () => ask('load.stop-brief'),
    },
    containers: {
      start: (o) => ask('containers.start', { connections: o.connections }),
      stopOldest: () => ask('containers.stop-oldest'),
    },
    subject: {
      start: () => ask('subject.start'),
      stop: () => ask('subject.stop'),
      kill: (signal) => ask('subject.kill', { signal }),
      until: (o) => ask('subject.until', o),
    },
    faults: work.faults as readonly FaultName[],
    fault: (name, seconds) => ask('fault', { name, seconds }),
    sample: (values) => ask('sample', values),
    beginMeasure: () => ask('stage', { stage: 'measure' }),
    endMeasure: () => ask('stage', { stage: 'heal' }),
    window: async (name, body) => {
      send({ event: { kind: 'mark', name, state: 'begin' } });
      try {
        return await body();
      } finally {
        send({ event: { kind: 'mark', name, state: 'end' } });
      }
    },
    sleep: async (seconds) => void (await delay(seconds * 1000, undefined, { signal: abort.signal })),
    note: (text) => send({ event: { kind: 'note', text } }),
    offend: (invariant, detail) => send({ event: { kind: 'offence', invariant, detail } }),
  };
}

process.on('message', (message: ToScenario) => {
  if ('abort' in message) {
    abort.abort(new Error(message.abort));
  } else if ('reply' in message) {
    const call = waiting.get(message.reply);
    waiting.delete(message.reply);
    if (message.error === undefined) call?.resolve();
    else call?.reject(new Error(message.error));
  } else {
    const { work } = message;
    // A step may last as long as the measured phase; what is added covers set-up on a slow target.
    // A broker that is started again beside a busy target, and what waited for it, take their time too.
    const forServices = Object.keys(work.services).length > 0 ? 360 : 0;
    const stepLimitMs = (work.durationSeconds + forServices + 120 * Math.max(1, work.slowdown / 4)) * 1000;
    runScenario(work.scenarioFile, contextOf(work), stepLimitMs, (event) => send({ event })).then(
      (passed) => finish(passed),
      (error: Error) => {
        send({ event: { kind: 'error', owner: 'harness', code: 'runner', message: error.message, hint: 'this is a fault of netsoak' } });
        finish(false);
      },
    );
  }
});
process.on('disconnect', () => process.exit(1));

function finish(passed: boolean): void {
  process.send?.({ done: passed } satisfies FromScenario, undefined, undefined, () => process.exit(0));
}
