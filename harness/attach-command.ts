/** `netsoak attach RUN`: takes a detached run up, shows it from its beginning, and ends as it ends. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ownership, takeLease } from './detach/lease.js';
import { folderOf, socketIn } from './detach/place.js';
import { Tail } from './detach/tail.js';
import { answerSigusr1, nowDoing } from './doing.js';
import { NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import type { RunEvent, SeriesPoint, Stored } from './facts/events.js';
import type { Verdict } from './facts/verdict.js';
import { openView } from './live/view.js';
import { findRun } from './runs.js';
import { loadRun } from './verdict/load-run.js';

const LOOK_MS = 200;

/** @param flags `json`: print the verdict on standard output once it is there */
export async function attachCommand(run: string, flags: { readonly json?: boolean }): Promise<number> {
  answerSigusr1();
  const directory = findRun(run);
  const owner = await take(directory);
  const left = handleSignals(owner);
  const { plan } = loadRun(directory);
  const events = new Tail(join(directory, 'events.ndjson'));
  const series = new Tail(join(directory, 'series.ndjson'));
  // The run's clock is the conductor's; the last fact tells what it showed, ours how long that is ago.
  let last = { at: 0, seen: performance.now() };
  const clock = (): number => last.at + (performance.now() - last.seen) / 1000;
  const { view, progress } = openView(plan, clock, process.stderr, process.env);
  nowDoing(
    () => progress.describe(clock()),
    (lines) => view.say(lines),
  );
  const look = (): void => {
    const facts = [
      ...events.read<Stored<RunEvent>>().map((event) => ({ at: event.at, show: () => view.event(event) })),
      ...series.read<SeriesPoint>().map((point) => ({ at: point.at, show: () => view.series(point) })),
    ].sort((a, b) => a.at - b.at);
    for (const { show } of facts) show();
    const at = facts.at(-1)?.at;
    if (at !== undefined && at > clock()) last = { at, seen: performance.now() };
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  const code = await Promise.race([owner.ended, left]);
  clearInterval(timer);
  if (code === 'left') {
    view.say([`left to itself for ten minutes; take it up again: netsoak attach ${directory}`]);
    process.exit(EXIT.pass);
  }
  look();
  if (code === undefined)
    throw new NetsoakError(
      'infra',
      'harness-died',
      'the harness of that run died',
      `what it stored can be judged: netsoak verdict ${directory}`,
    );
  const verdict = JSON.parse(readFileSync(join(directory, 'verdict.json'), 'utf8')) as Verdict;
  if (flags.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
  view.end(verdict, { report: join(directory, 'report.html') });
  return code;
}

async function take(directory: string): Promise<Ownership> {
  const folder = folderOf(directory);
  const owner = folder === undefined ? undefined : await takeLease(socketIn(folder)).catch(() => undefined);
  if (owner) return owner;
  throw new NetsoakError(
    'user',
    'not-detached',
    `${directory} is no detached run that goes on`,
    `start one with \`netsoak run --detach\`; what is over: netsoak verdict ${directory}`,
  );
}

/** ^C is the run's, as if it were in the foreground; ^\ and the end of the terminal leave it to itself. */
function handleSignals(owner: Ownership): Promise<'left'> {
  let asked = false;
  process.on('SIGINT', () => {
    if (!asked) owner.interrupt();
    else {
      owner.kill();
      process.exit(EXIT.killed);
    }
    asked = true;
  });
  return new Promise((done) => {
    for (const signal of ['SIGQUIT', 'SIGHUP', 'SIGTERM'] as const) {
      process.on(signal, () => {
        owner.leave();
        done('left');
      });
    }
  });
}
