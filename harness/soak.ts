/** One run, from its plan to its verdict: run directory, room, view, conductor, what is derived. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import type { GuestKernel } from '../vm/kernel.js';
import { conduct } from './conductor/run.js';
import { nowDoing } from './doing.js';
import { explain } from './errors.js';
import type { RunEvent } from './facts/events.js';
import type { Plan } from './facts/plan.js';
import { openView, type Screen } from './live/view.js';
import { type WrittenOutcome, writeOutcome } from './outcome.js';
import type { Given } from './pipeline/given.js';
import { checkSpace } from './space.js';
import { RunStore } from './store.js';
import type { SubjectDescription } from './subject.js';

export interface SoakOptions {
  readonly plan: Plan;
  readonly scenarioFile: string;
  readonly subject: SubjectDescription;
  /** The guest's kernel, where one was asked for. */
  readonly kernel?: GuestKernel | undefined;
  readonly expectedSlowdown: number;
  /** Where run directories are made. */
  readonly parent: string;
  /** Keep the folder of sockets and temporary files when the run is not green. */
  readonly keep: boolean;
  readonly interrupt: AbortSignal;
  /** Broker and database that somebody else runs. */
  readonly given: Given;
  /** Told once the run directory is there. */
  readonly onDirectory?: (directory: string) => void;
  /** This run is one of two that go on side by side. */
  readonly beside?: Beside;
}

export interface Beside {
  /** Stands before its lines. */
  readonly name: string;
  readonly screen: Screen;
  /** Resolves once both are over: judging one takes seconds in which the other's facts would come late. */
  readonly bothOver: () => Promise<void>;
}

export async function soak(o: SoakOptions): Promise<WrittenOutcome & { readonly events: readonly RunEvent[] }> {
  const store = openStore(o.parent, o.plan);
  const plan = { ...o.plan, id: store.id };
  o.onDirectory?.(store.directory);
  const { view, progress } = openView(plan, () => store.now(), o.beside?.screen ?? process.stderr, process.env);
  const who = o.beside?.name;
  nowDoing(
    () => [...progress.describe(store.now()), `  run directory ${store.directory}`],
    (lines) => view.say(lines),
    who,
  );
  const told: RunEvent[] = [];
  const fail = (error: unknown): void => {
    const { owner, code, message, hint } = explain(error);
    tell(store.event({ kind: 'error', owner, code, message, hint }));
  };
  const tell = (event: ReturnType<RunStore['event']>): void => {
    if (event.kind === 'error' || event.kind === 'load-exit') told.push(event);
    view.event(event);
  };
  let workDir: string | undefined;
  try {
    checkSpace(plan, store.directory, tmpdir());
    workDir = await conduct({
      plan,
      store,
      scenarioFile: o.scenarioFile,
      subject: o.subject,
      kernel: o.kernel,
      expectedSlowdown: o.expectedSlowdown,
      keepWorkDir: o.keep,
      interrupt: o.interrupt,
      given: o.given,
      onEvent: tell,
      onSeries: (point) => view.series(point),
    });
  } catch (error) {
    fail(error);
    store.event({ kind: 'run-end' });
  }
  store.close();
  await o.beside?.bothOver();
  nowDoing(() => [`netsoak: judging ${plan.scenario} and writing its report`], undefined, who);
  const outcome = writeOutcome(store.directory);
  const isGreen = outcome.run.verdict.verdict === 'pass';
  if (workDir !== undefined && isGreen) rmSync(workDir, { recursive: true, force: true });
  view.end(outcome.run.verdict, { report: outcome.report, ...(workDir !== undefined && !isGreen && { kept: workDir }) });
  return { ...outcome, events: told };
}

function openStore(parent: string, plan: Plan): RunStore {
  try {
    makeFolders(parent);
    return RunStore.create(parent, plan);
  } catch (error) {
    throw explain(error);
  }
}

/** One by one: `recursive` never returns for a folder that procfs refuses (Node 20, `mkdirSync('/proc/x', { recursive: true })`). */
function makeFolders(folder: string): void {
  if (existsSync(folder)) return;
  makeFolders(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another run made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
