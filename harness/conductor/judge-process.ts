/** The judge as a child process: rows and ledger reach it over its own sockets, findings come back a line each. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { BooksPlaces, DaemonBooks } from '../books/keeper.js';
import { NetsoakError } from '../errors.js';
import type { RunEvent, SeriesPoint } from '../facts/events.js';
import { PROJECT } from '../project.js';

/** It beats once a second. So long a pause is no busy machine any more. */
const SILENCE_SECONDS = 30;

export interface JudgeOptions {
  readonly rows: string;
  readonly ledger: string;
  readonly intervalSeconds: number;
  readonly format: string;
  /** Columns that the subject does not send. */
  readonly lacks: readonly string[];
  readonly onEvent: (event: RunEvent) => void;
  /** `when`: how many seconds ago the values were true (a poll is judged an interval after it ended), or of the measured phase as a whole. */
  readonly onSeries: (v: SeriesPoint['v'], when: number | 'phase') => void;
}

export interface Judge {
  measure(state: 'begin' | 'end'): void;
  /** Rows come through a pipeline, and its books are to be kept. */
  keepBooks(places: BooksPlaces): void;
  /** A process of the subject was started just now. */
  began(): void;
  /** What the subject's own books say. */
  told(books: DaemonBooks): void;
  /** That process ended just now: in order, or it was killed. */
  ended(start: number, killed: boolean): void;
  /** Lets it read to the end, tell its last findings and exit; one that has fallen silent is killed at once. */
  finish(limitSeconds: number): Promise<void>;
  /** Rejects (owner `harness`, code `judge-silent`) when no word came from it for {@link SILENCE_SECONDS}; never resolves. */
  silence(signal: AbortSignal): Promise<never>;
  readonly pid: number;
}

type Finding =
  | { readonly ready: true }
  | { readonly beat: number }
  | { readonly event: RunEvent }
  | { readonly series: SeriesPoint['v']; readonly ageSeconds?: number; readonly ofPhase?: true };

export async function startJudge(o: JudgeOptions): Promise<Judge> {
  const program = join(PROJECT, 'dist/harness/judge/main.js');
  // It notices a dead conductor by the end of its input, unless it is stopped: the kernel sees to that.
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      process.execPath,
      program,
      '--rows',
      o.rows,
      '--ledger',
      o.ledger,
      '--interval',
      String(o.intervalSeconds),
      '--format',
      o.format,
      ...o.lacks.flatMap((column) => ['--lacks', column]),
    ],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let words = '';
  let finishing = false;
  let heardAt = performance.now();
  const isSilent = (): boolean => performance.now() - heardAt > SILENCE_SECONDS * 1000;
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-2000);
  });
  // If it died, its exit tells; a write to it must not take the conductor down.
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((done) => {
    child.once('error', () => done());
    child.once('close', (code, signal) => {
      if (!finishing || code !== 0) {
        o.onEvent({
          kind: 'error',
          owner: 'harness',
          code: 'judge-died',
          message: `the judge ended with ${signal ?? `status ${code}`}: ${words.trim()}`,
          hint: 'rows after that were not judged',
        });
      }
      done();
    });
  });
  const ready = new Promise<void>((done, fail) => {
    void exited.then(() =>
      fail(new NetsoakError('harness', 'judge-died', `the judge did not start: ${words.trim()}`, 'run `npm run build`')),
    );
    createInterface({ input: child.stdout }).on('line', (line) => {
      heardAt = performance.now();
      const finding = JSON.parse(line) as Finding;
      if ('event' in finding) o.onEvent(finding.event);
      else if ('series' in finding) o.onSeries(finding.series, finding.ofPhase ? 'phase' : (finding.ageSeconds ?? 0));
      else if ('ready' in finding) done();
    });
  });
  await ready;
  const tell = (command: object): void => void child.stdin.write(`${JSON.stringify(command)}\n`);
  return {
    pid: child.pid ?? 0,
    measure: (state) => tell({ cmd: 'measure', state }),
    keepBooks: (places) => tell({ cmd: 'books', places }),
    began: () => tell({ cmd: 'began' }),
    told: (books) => tell({ cmd: 'told', books }),
    ended: (start, killed) => tell({ cmd: 'ended', start, killed }),
    finish: async (limitSeconds) => {
      finishing = true;
      tell({ cmd: 'finish' });
      const timer = setTimeout(() => child.kill('SIGKILL'), isSilent() ? 0 : limitSeconds * 1000);
      await exited;
      clearTimeout(timer);
    },
    silence: async (signal) => {
      for (;;) {
        await delay(1000, undefined, { ref: false, signal });
        if (!isSilent()) continue;
        throw new NetsoakError(
          'harness',
          'judge-silent',
          `the judge said nothing for ${SILENCE_SECONDS} s: it hangs, or somebody stopped it`,
          'rows after that were not judged; run it again',
          SILENCE_SECONDS,
        );
      }
    },
  };
}
