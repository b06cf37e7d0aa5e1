import { Chalk } from 'chalk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunEvent } from '../facts/events.js';
import { fakePlan, healthyRun, redRun, withSeries } from '../verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../verdict/load-run.js';
import { plainView } from './plain.js';
import { Progress } from './progress.js';
import { FakeTerminal } from './screen.test-support.js';
import { Spark } from './spark.js';
import { frame, terminalView } from './terminal.js';
import { openView, type View } from './view.js';

const none = new Chalk({ level: 0 });
const PATHS = { report: '/runs/x/report.html' };

/** Feeds a stored run to a view as it happened, up to a moment. */
function feed(view: Pick<View, 'event' | 'series'>, { events, series }: StoredRun, until = Number.POSITIVE_INFINITY): void {
  const all = [...events.map((event) => ({ at: event.at, event })), ...series.map((point) => ({ at: point.at, point }))].sort(
    (a, b) => a.at - b.at,
  );
  for (const fact of all) {
    if (fact.at > until) return;
    if ('event' in fact) view.event(fact.event);
    else view.series(fact.point);
  }
}

function seen(run: StoredRun, until: number): Progress {
  const progress = new Progress(run.plan);
  feed({ event: (event) => void progress.event(event), series: (point) => progress.series(point) }, run, until);
  return progress;
}

describe('a spark line', () => {
  it('shows a rise from its own lowest to its own highest value, and holes', () => {
    const spark = new Spark(8);
    for (const [at, value] of [0, 1, 2, null, 4, 5, 6, 7].entries()) spark.add(at, value);
    expect(String(spark)).toBe('▁▂▃ ▅▆▇█');
  });

  it('stays as long as it is and keeps its peaks, however long the series', () => {
    const spark = new Spark(24);
    for (let at = 0; at < 43_200; at++) spark.add(at, at === 20_000 ? 9 : 1);
    const text = String(spark);
    expect(text.length).toBeLessThanOrEqual(24);
    expect(text.match(/█/g)).toHaveLength(1);
  });

  it('lies at the bottom when nothing moves', () => {
    const spark = new Spark(4);
    for (const at of [0, 1, 2]) spark.add(at, 5);
    expect(String(spark)).toBe('▁▁▁');
  });
});

describe('progress', () => {
  it('tells the time that is left of the measured phase', () => {
    const run = healthyRun();
    expect(seen(run, 5).leftWords(5)).toBe('1m still to be measured');
    expect(seen(run, 40).leftWords(40)).toBe('30s left of 1m');
    expect(seen(run, 1000).leftWords(1000)).toBe('measured');
    const short = { ...run, plan: { ...run.plan, durationSeconds: 20 } };
    expect(seen(short, 40).leftWords(40)).toBe('10s longer than 20s so far');
  });

  it('sees a crossed ceiling as it happens', () => {
    const run = redRun();
    expect(seen(run, 11).violated).toEqual([]);
    expect(seen(run, 65).violated).toContain('threads');
  });

  it('keeps the first and the last lines of a run that never ends, and says how many are between', () => {
    const progress = new Progress(fakePlan());
    for (let at = 0; at < 100_000; at++) progress.event({ at, kind: 'note', text: `note ${at}` });
    const texts = progress.lines.map(({ text }) => text);
    expect(texts.length).toBeLessThan(700);
    expect([texts[0], texts.at(-1)]).toEqual(['note 0', 'note 99999']);
    const left = Number(/^(\d+) lines left out/.exec(texts[200] ?? '')?.[1]);
    expect(left + texts.length - 1).toBe(100_000);
  });

  it('answers what the harness is doing', () => {
    const progress = seen(healthyRun(), 40);
    for (const event of [
      { kind: 'step', name: 'churn', state: 'begin' },
      { kind: 'fault', name: 'outage', state: 'effective', detail: 'no answer' },
    ] as const satisfies RunEvent[])
      progress.event({ at: 41, ...event });
    const text = progress.describe(43).join('\n');
    expect(text).toContain('namespace-churn (target vm, seed 7), 43 s after its start: measuring for 1m, 27s left of 1m');
    expect(text).toContain('step: "churn" since 41 s');
    expect(text).toContain('faults in effect: outage (effective)');
    expect(text).toContain('last heard from the target 2 s ago');
  });
});

describe('the picture', () => {
  const at40 = (columns: number, rows: number, run = healthyRun()): string[] => frame(seen(run, 40), 40, columns, rows, none);

  it('has scenario, time left, every invariant with a spark line, and the last events', () => {
    const lines = at40(120, 40);
    expect(lines[0]).toMatch(/^namespace-churn {2}target vm, seed 7/);
    expect(lines[1]).toMatch(/^█{10}░{10} 30s left of 1m · measuring for 1m$/);
    const { invariants } = healthyRun().plan;
    for (const { name } of invariants) expect(lines.some((line) => line.startsWith(`· ${name} `))).toBe(true);
    expect(lines.find((line) => line.startsWith('· threads '))).toMatch(/ [▁█]{5,24} +14 {2}at most 16$/);
    expect(lines.at(-1)).toMatch(/^ {2,}\d+\.\d s {2}\S/);
  });

  it.each([
    [20, 10],
    [80, 24],
    [200, 5],
    [1, 1],
  ])('fits a terminal of %i columns and %i rows', (columns, rows) => {
    const lines = at40(columns, rows);
    expect(lines.length).toBeLessThan(Math.max(rows, 4));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it('shows what is violated first where there is no room for all', () => {
    const run = withSeries(healthyRun(), 'poll.missing', (value, at) => (at > 30 ? 3 : value));
    const lines = frame(seen(run, 65), 65, 80, 9, none);
    expect(lines[3]).toMatch(/^✖ completeness /);
  });

  it('shows words of the subject as words', () => {
    const progress = new Progress(fakePlan());
    progress.event({ at: 1, kind: 'note', text: 'a\x1b[2Jb\nc\u009bd' });
    expect(frame(progress, 2, 80, 24, none).at(-1)).toBe('    1.0 s  a?[2Jb c?d');
  });
});

describe('a run on a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function show(run: StoredRun, terminal: FakeTerminal): View {
    const progress = new Progress(run.plan);
    const view = terminalView(progress, () => 40, terminal, none);
    feed(view, run, 40);
    vi.advanceTimersByTime(1000);
    return view;
  }

  it('is drawn over itself and gives way to one line when it is green', () => {
    const terminal = new FakeTerminal(120, 30);
    terminal.write('$ netsoak run\n');
    const run = healthyRun();
    const view = show(run, terminal);
    expect(terminal.screen.filter((line) => line.includes('left of 1m'))).toHaveLength(1);
    expect(terminal.scrolled).toEqual([]);
    view.end(judgeRun(run), PATHS);
    expect(terminal.screen).toHaveLength(2);
    expect(terminal.everything).toMatch(/^\$ netsoak run\n PASS {3}namespace-churn: .*\/report\.html$/);
    vi.advanceTimersByTime(5000);
    expect(terminal.screen).toHaveLength(2);
  });

  it('leaves everything that was told when it is not', () => {
    const terminal = new FakeTerminal(100, 12);
    const run = redRun();
    const view = show(run, terminal);
    feed(view, { ...run, events: run.events.filter(({ at }) => at > 40), series: [] });
    view.end(judgeRun(run), PATHS);
    const { everything } = terminal;
    expect(everything).toMatch(/^namespace-churn {2}target vm/);
    for (const words of [
      'starting target vm',
      'measuring for 1m',
      'fail     threads: ',
      ' FAIL   namespace-churn: ',
      'report  /runs/x/report.html',
    ])
      expect(everything).toContain(words);
    expect(everything).not.toContain('░');
  });

  it('says something in between without leaving half a picture', () => {
    const terminal = new FakeTerminal(120, 40);
    const view = show(healthyRun(), terminal);
    const height = terminal.screen.length;
    view.say(['doing well']);
    expect(terminal.screen[0]).toBe('doing well');
    expect(terminal.screen).toHaveLength(height + 1);
    view.end(judgeRun(healthyRun()), PATHS);
    expect(terminal.screen).toHaveLength(2);
  });

  it('is drawn anew when the terminal changes its size', () => {
    const terminal = new FakeTerminal(120, 40);
    show(healthyRun(), terminal);
    terminal.resize(60, 15);
    expect(terminal.screen.length).toBeLessThan(15);
    expect(terminal.screen[0]).toMatch(/^namespace-churn/);
    expect(Math.max(...terminal.screen.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe('elsewhere', () => {
  it('each line is written once, with its time, and nothing moves the cursor', () => {
    let text = '';
    const run = healthyRun();
    const view = plainView(new Progress(run.plan), { write: (words) => (text += words) }, none);
    feed(view, run);
    view.end(judgeRun(run), PATHS);
    expect(text).not.toContain('\x1b');
    expect(text).toMatch(/^ +10\.0 s {2}measuring for 1m$/m);
    // Sixty seconds, a line every ten.
    expect(text.match(/ left · threads 14 · /g)?.length).toBeGreaterThanOrEqual(5);
    expect(text.match(/ left · threads 14 · /g)?.length).toBeLessThanOrEqual(7);
  });

  it('a run of twelve hours has no more lines than one can read', () => {
    let lines = 0;
    const plan = fakePlan({ durationSeconds: 43_200 });
    const view = plainView(new Progress(plan), { write: () => lines++ }, none);
    view.event({ at: 0, kind: 'stage', stage: 'measure', state: 'begin' });
    for (let at = 0; at <= 43_200; at++) view.series({ at, v: { 'subject.threads': 14 } });
    expect(lines).toBeGreaterThan(100);
    expect(lines).toBeLessThan(200);
  });

  it.each([
    ['a pipe', { isTTY: false }, {}],
    ['a dumb terminal', {}, { TERM: 'dumb' }],
    ['a CI job', {}, { CI: 'true', TERM: 'xterm' }],
  ])('means %s', (_, change, env) => {
    const terminal = Object.assign(new FakeTerminal(80, 24), change);
    const write = vi.spyOn(terminal, 'write');
    openView(fakePlan(), () => 0, terminal, env);
    expect(write.mock.calls.join('')).not.toContain('\x1b[J');
  });
});
