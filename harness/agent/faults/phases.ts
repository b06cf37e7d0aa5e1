/**
 * A fault in phases: inject, wait until it took effect, let it last, recover, wait until it recovered. Each phase is a fact, so the verdict
 * can tell a green run from one in which the fault never was (harness/verdict/causes.ts). Recovery is tried whatever happened before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '../../facts/events.js';

/** One kind of fault, ready to be injected. Nothing may be left of it after `recover`. */
export interface Fault {
  inject(): Promise<void> | void;
  /** Undefined until it took effect; then the proof, in words with figures. */
  effect(): Promise<string | undefined> | string | undefined;
  recover(): Promise<void> | void;
  /** Undefined until all is as before; then how one sees it. */
  recovered(): Promise<string | undefined> | string | undefined;
}

export interface FaultRun {
  readonly name: string;
  /** How long it lasts once it took effect. */
  readonly seconds: number;
  /** For each of the two waits. */
  readonly limitSeconds: number;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
}

const LOOK_EVERY_MS = 100;

/** Resolves when it has recovered. Rejects when it did not take effect or not recover in time, or when the run is interrupted. */
export async function throughPhases(fault: Fault, run: FaultRun): Promise<void> {
  const { name, signal } = run;
  const tell = (state: Extract<RunEvent, { kind: 'fault' }>['state'], detail: string): void =>
    run.emit({ kind: 'fault', name, state, detail });
  try {
    tell('inject', `for ${run.seconds} s`);
    await fault.inject();
    tell('effective', await until(fault.effect.bind(fault), run, 'take effect'));
    await delay(run.seconds * 1000, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) tell('failed', (error as Error).message);
    throw error;
  } finally {
    await fault.recover();
    tell('recover', '');
  }
  try {
    tell('recovered', await until(fault.recovered.bind(fault), run, 'recover'));
  } catch (error) {
    if (!signal.aborted) tell('failed', (error as Error).message);
    throw error;
  }
}

async function until(look: Fault['effect'], { limitSeconds, signal, name }: FaultRun, what: string): Promise<string> {
  const limit = performance.now() + limitSeconds * 1000;
  for (;;) {
    const proof = await look();
    if (proof !== undefined) return proof;
    if (performance.now() > limit) throw new Error(`${name} did not ${what} within ${limitSeconds} s`);
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}
