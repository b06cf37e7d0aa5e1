/**
 * `netsoak run SCENARIO --against REF|SUBJECT`: two soaks at the same time, one verdict.
 *
 * Each side has a target, a load, a judge and a sampler of its own: scenarios stop, starve and kill their subject, and two reconcilers in one
 * kernel would fight. The plan and its seed are the same, and so is every moment of the machine. A is what the word names, B the subject.
 */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { renderRunComparison, runComparisonMarkdown } from '../../reports/compare-runs.js';
import { onStderr } from '../colour.js';
import { nowDoing } from '../doing.js';
import { NetsoakError } from '../errors.js';
import { exitCodeOfAll } from '../exit.js';
import type { Plan } from '../facts/plan.js';
import type { Verdict } from '../facts/verdict.js';
import { watchInterrupts } from '../interrupts.js';
import { headline } from '../live/text.js';
import type { Screen } from '../live/view.js';
import { merge } from '../merge.js';
import {
  checkServices,
  followLease,
  type OutputFlags,
  plannedKernel,
  planOf,
  type Request,
  subjectOf,
  writeReports,
} from '../run-command.js';
import { RUNS } from '../runs.js';
import { type Beside, soak } from '../soak.js';
import { judgeRun, loadRun } from '../verdict/load-run.js';
import { type Difference, differences } from './differences.js';
import { type OtherSide, otherSide } from './other-side.js';
import { againstVerdict, sentence } from './verdict.js';

export async function performAgainst(request: Request, word: string, flags: OutputFlags): Promise<number> {
  const [found, ...more] = request.scenarios;
  if (!found || more.length > 0 || request.shard)
    throw new NetsoakError('user', 'against-one', '--against takes one scenario', 'compare each in a call of its own');
  if (flags.allowFlaky)
    throw new NetsoakError(
      'user',
      'against-flaky',
      '--against and --allow-flaky exclude each other',
      'a side that is tried again has no other beside it; run both again instead',
    );
  await checkServices(request, [planOf(request, found)]);
  const interrupts = watchInterrupts();
  const detached = await followLease(interrupts);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  nowDoing(() => [`netsoak: getting ${word} ready`]);
  const other = await otherSide({ word, subjectFile: request.subjectFile, target: request.target, say, signal: interrupts.signal });
  try {
    for (const note of other.notes) say(`! ${note}`);
    const beforeRequest: Request = { ...request, subject: other.subject, subjectFile: other.file };
    const kernel = request.kernels?.[0];
    const more = { against: { word, side: 'A' }, ...(kernel && { kernel: plannedKernel(kernel) }) } as const;
    const after = planOf(request, found, more);
    const before = beforeOf(planOf(beforeRequest, found, more), after, other);
    const common = {
      scenarioFile: found.file,
      kernel,
      expectedSlowdown: request.accelerator.slowdown,
      parent: resolve(flags.out ?? RUNS),
      keep: flags.keep ?? false,
      interrupt: interrupts.signal,
      given: request.given,
    };
    const bothOver = barrier(2);
    let directory = '';
    // The run directory is made before anything is waited for, so that B's plan can name it.
    const a = soak({
      ...common,
      plan: before,
      subject: subjectOf(beforeRequest, found),
      beside: beside('A', bothOver),
      onDirectory: (made) => {
        directory = made;
      },
    });
    if (directory === '') await a;
    const b = soak({
      ...common,
      plan: { ...after, against: { word, side: 'B', before: basename(directory) } },
      subject: subjectOf(request, found),
      beside: beside('B', bothOver),
      ...(detached && { onDirectory: detached.introduce }),
    });
    const [, { plan, run, report }] = await Promise.all([a, b]);
    const outcome = writeComparison(directory, dirname(report));
    if (flags.json) process.stdout.write(`${JSON.stringify(outcome.verdict)}\n`);
    for (const line of closing(outcome)) say(line);
    writeReports(merge([{ plan, run: { ...run, verdict: outcome.verdict } }]), flags);
    const code = exitCodeOfAll([outcome.verdict], false);
    await detached?.end(code);
    return code;
  } finally {
    interrupts.stop();
    await other.release();
  }
}

export interface WrittenComparison {
  readonly verdict: Verdict;
  readonly found: readonly Difference[];
  /** Path of comparison.html. */
  readonly page: string;
}

/** Derives the comparison of two run directories that were soaked side by side and writes it into that of B. */
export function writeComparison(beforeDirectory: string, afterDirectory: string): WrittenComparison {
  const [a, b] = [beforeDirectory, afterDirectory].map((directory) => {
    const stored = loadRun(directory);
    return { ...stored, verdict: judgeRun(stored) };
  }) as [ReturnType<typeof loadRun> & { verdict: Verdict }, ReturnType<typeof loadRun> & { verdict: Verdict }];
  const found = differences(a, b);
  const verdict = againstVerdict(a.verdict, b.verdict, found);
  const page = join(afterDirectory, 'comparison.html');
  writeFileSync(join(afterDirectory, 'comparison.json'), `${JSON.stringify(verdict, null, 2)}\n`);
  writeFileSync(page, renderRunComparison(a, b));
  writeFileSync(join(afterDirectory, 'comparison.md'), runComparisonMarkdown(a, b));
  return { verdict, found, page };
}

/** A's plan: its own subject and revision; the command repeats both sides. */
function beforeOf(plan: Plan, after: Plan, { revision }: OtherSide): Plan {
  return {
    ...plan,
    id: `${after.id}-before`,
    startedAt: after.startedAt,
    replay: after.replay,
    provenance: { ...plan.provenance, ...(revision !== undefined && { revision }) },
  };
}

function closing({ verdict, found, page }: WrittenComparison): string[] {
  return [
    '',
    ...found.map((difference) => `  ${difference.verdict.padEnd(10)}  ${sentence(difference)}`),
    headline(verdict, onStderr),
    `compare ${page}`,
  ];
}

/** Two pictures on one terminal would paint over each other: lines, each with its side. */
function beside(name: string, bothOver: () => Promise<void>): Beside {
  const screen: Screen = {
    write: (text) => process.stderr.write(text.replace(/^(?=.)/gm, `${name} | `)),
    on: () => {},
    off: () => {},
  };
  return { name, screen, bothOver };
}

/** Resolves for all once so many have come. */
function barrier(count: number): () => Promise<void> {
  let open: () => void = () => {};
  const opened = new Promise<void>((done) => {
    open = done;
  });
  let come = 0;
  return () => {
    if (++come === count) open();
    return opened;
  };
}
