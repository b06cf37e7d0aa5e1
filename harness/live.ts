/** What a run looks like while it goes on: a fold over its facts into time-stamped lines. Plain when not a terminal. */
import chalk from 'chalk';
import type { RunEvent, SeriesPoint, Stored } from './facts/events.js';
import type { Plan } from './facts/plan.js';
import { formatDuration } from './units.js';

const EVERY_SECONDS = 10;

export class Live {
  #measureFrom: number | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  readonly #latest = new Map<string, number | null>();
  readonly #offences = new Map<string, number>();

  constructor(
    private readonly plan: Plan,
    private readonly write: (line: string) => void,
  ) {}

  event(event: Stored<RunEvent>): void {
    const text = this.#tell(event);
    if (text !== undefined) this.#line(event.at, text);
    if (event.kind === 'stage' && event.stage === 'measure') this.#measureFrom = event.state === 'begin' ? event.at : undefined;
  }

  series(point: SeriesPoint): void {
    for (const [name, value] of Object.entries(point.v)) this.#latest.set(name, value);
    if (this.#measureFrom === undefined || point.at - this.#saidAt < EVERY_SECONDS) return;
    this.#saidAt = point.at;
    const left = Math.max(0, this.plan.durationSeconds - (point.at - this.#measureFrom));
    const show = (label: string, series: string, of: (v: number) => string = String): string => {
      const value = this.#latest.get(series);
      return `${label} ${value === undefined || value === null ? '?' : of(value)}`;
    };
    const parts = [
      `${formatDuration(Math.max(0.1, left))} left`,
      show('threads', 'subject.threads'),
      show('rss', 'subject.rssBytes', (v) => `${Math.round(v / 2 ** 20)} MiB`),
      show('rows/poll', 'poll.rows'),
      show('missing', 'poll.missing'),
      show('churn', 'load.churnEvents'),
    ];
    this.#line(point.at, parts.join(chalk.dim(' · ')));
  }

  #line(at: number, text: string): void {
    this.write(`${chalk.dim(`${at.toFixed(1).padStart(7)} s`)}  ${text}`);
  }

  #tell(e: Stored<RunEvent>): string | undefined {
    switch (e.kind) {
      case 'stage':
        return e.state === 'begin' ? chalk.bold(stageText(e.stage, this.plan)) : undefined;
      case 'target':
        return e.state === 'up'
          ? `target up: ${e.detail}${e.slowdown && e.slowdown > 1.5 ? `, ${e.slowdown} times slower than outside` : ''}`
          : undefined;
      case 'subject-start':
        return e.ordered ? undefined : chalk.red(`the subject was started again (start ${e.start})`);
      case 'subject-exit':
        return e.ordered ? undefined : chalk.red(`the subject ended by itself: ${e.signal ?? `status ${e.code}`}`);
      case 'subject-replaced':
        return chalk.red(`the subject replaced itself (${e.witness})`);
      case 'load-exit':
        return e.ordered ? undefined : chalk.red(`the load generator ended: ${e.signal ?? `status ${e.code}`}`);
      case 'offence': {
        const count = (this.#offences.get(e.invariant) ?? 0) + 1;
        this.#offences.set(e.invariant, count);
        return count === 1 ? chalk.red(`${e.invariant}: ${e.detail}`) : undefined;
      }
      case 'fault':
        return `fault ${e.name}: ${e.state} ${e.detail}`;
      case 'step':
        return e.state === 'fail' ? chalk.red(`step failed: ${e.name}: ${e.error}`) : undefined;
      case 'error':
        return chalk.red(`${e.message}${e.hint ? ` (${e.hint.split('\n')[0]})` : ''}`);
      case 'interrupted':
        return chalk.yellow(`interrupted by ${e.signal}: healing, once more to kill`);
      case 'note':
        return e.text;
      case 'mark':
      case 'load-start':
      case 'evidence':
      case 'judge-end':
      case 'run-end':
        return undefined;
    }
  }
}

function stageText(stage: string, plan: Plan): string {
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
