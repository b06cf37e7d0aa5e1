/** How a run is shown while it goes on. Fed with its facts as they are stored; forms no verdict. */

import { onStderr } from '../colour.js';
import type { RunEvent, SeriesPoint, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import type { Verdict } from '../facts/verdict.js';
import { plainView } from './plain.js';
import { Progress } from './progress.js';
import { terminalView } from './terminal.js';

export interface View {
  event(event: Stored<RunEvent>): void;
  series(point: SeriesPoint): void;
  /** Says something in between, such as an answer to SIGUSR1. */
  say(lines: readonly string[]): void;
  /** The last words: the verdict, and where to read on. Nothing may follow. */
  end(verdict: Verdict, paths: { readonly report: string; readonly kept?: string }): void;
}

/** What a view writes to: standard error, or its stand-in. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/**
 * A picture that is drawn again and again where the stream is a terminal that can move its cursor, plain time-stamped lines
 * elsewhere. CI systems say `CI=true` and some of them give jobs a terminal; their logs want lines.
 */
export function openView(plan: Plan, clock: () => number, screen: Screen, env: NodeJS.ProcessEnv): { view: View; progress: Progress } {
  const progress = new Progress(plan);
  const canRedraw = screen.isTTY === true && env.TERM !== 'dumb' && !['true', '1'].includes(env.CI ?? '');
  const view = canRedraw ? terminalView(progress, clock, screen, onStderr) : plainView(progress, screen, onStderr);
  return { view, progress };
}
