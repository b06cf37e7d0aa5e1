/** One fact as one line for people; undefined for facts that say nothing new while a run goes on. */
import type { RunEvent, Stored } from '../facts/events.js';
import type { Plan } from '../facts/plan.js';
import { formatDuration } from '../units.js';

export interface Told {
  readonly text: string;
  readonly tone: 'plain' | 'strong' | 'bad' | 'warn';
}

/** @param offences how often each invariant was offended before; the first offence is told, the others are counted */
export function tell(e: Stored<RunEvent>, plan: Plan, offences: ReadonlyMap<string, number>): Told | undefined {
  const line = (text: string, tone: Told['tone'] = 'plain'): Told => ({ text, tone });
  switch (e.kind) {
    case 'stage':
      return e.state === 'begin' ? line(stageText(e.stage, plan), 'strong') : undefined;
    case 'target':
      return e.state === 'up'
        ? line(`target up: ${e.detail}${e.slowdown && e.slowdown > 1.5 ? `, ${e.slowdown} times slower than outside` : ''}`)
        : undefined;
    case 'service':
      return e.state === 'up' ? line(`${e.name} at ${e.address}: ${e.detail}`) : undefined;
    case 'subject-start':
      return e.ordered ? undefined : line(`the subject was started again (start ${e.start})`, 'bad');
    case 'subject-exit':
      return e.ordered ? undefined : line(`the subject ended by itself: ${e.signal ?? `status ${e.code}`}`, 'bad');
    case 'subject-replaced':
      return line(`the subject replaced itself (${e.witness})`, 'bad');
    case 'load-exit':
      return e.ordered ? undefined : line(`the load generator ended: ${e.signal ?? `status ${e.code}`}`, 'bad');
    case 'offence':
      return offences.has(e.invariant) ? undefined : line(`${e.invariant}: ${e.detail}`, 'bad');
    case 'fault':
      return line(`fault ${e.name}: ${e.state} ${e.detail}`);
    case 'step':
      return e.state === 'fail' ? line(`step failed: ${e.name}: ${e.error}`, 'bad') : undefined;
    case 'error':
      return line(`${e.message}${e.hint ? ` (${e.hint.split('\n')[0]})` : ''}`, 'bad');
    case 'interrupted':
      return line(`interrupted by ${e.signal}: healing, once more to kill`, 'warn');
    case 'note':
      return line(e.text);
    default:
      return undefined;
  }
}

export function stageText(stage: string, plan: Plan): string {
  switch (stage) {
    case 'boot':
      return `starting target ${plan.target} (${plan.accelerator === 'none' ? 'shared kernel' : plan.accelerator})`;
    case 'setup':
      return 'building the load, starting the subject';
    case 'measure':
      return `measuring for ${formatDuration(plan.durationSeconds)}`;
    case 'heal':
      return 'healing';
    default:
      return stage;
  }
}
