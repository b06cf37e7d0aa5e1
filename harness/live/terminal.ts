/**
 * A run as a picture on a terminal, drawn over itself: scenario, time left, each invariant with a spark line, the last events.
 * At its end the picture gives way to one line when the run is green, and to everything that was told when it is not.
 */
import type { ChalkInstance } from 'chalk';
import type { Progress } from './progress.js';
import { SPARK_CELLS } from './progress.js';
import { closing, paint, timed } from './text.js';
import type { Screen, View } from './view.js';

const FRAME_MS = 250;
/** Lines of the last events, if there is room. */
const EVENTS = { least: 3, most: 6 };
const BAR_CELLS = 20;

/** ECMA-48 (ISO 6429): carriage return and n lines up, then erase to the end of the screen. */
const up = (lines: number): string => `\r${lines > 0 ? `\x1b[${lines}A` : ''}`;
const ERASE_BELOW = '\x1b[J';
const HOME = '\x1b[H';

export function terminalView(progress: Progress, clock: () => number, screen: Screen, colour: ChalkInstance): View {
  let drawn = 0;
  const erase = (): void => {
    if (drawn > 0) screen.write(`${up(drawn)}${ERASE_BELOW}`);
    drawn = 0;
  };
  const draw = (): void => {
    const lines = frame(progress, clock(), screen.columns || 80, screen.rows || 24, colour);
    // In one write: half a picture is never seen.
    screen.write(`${drawn > 0 ? up(drawn) : ''}${ERASE_BELOW}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  // A narrower terminal has broken our lines into we don't know how many.
  const resized = (): void => {
    if (drawn > 0) screen.write(`${HOME}${ERASE_BELOW}`);
    drawn = 0;
    draw();
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  screen.on('resize', resized);
  // Whoever ends us in the middle finds a clean line, not half a picture.
  const leave = (): void => {
    clearInterval(timer);
    screen.off('resize', resized);
    process.off('exit', abandoned);
  };
  const abandoned = (): void => {
    leave();
    erase();
    for (const line of progress.lines) screen.write(`${timed(line, colour)}\n`);
  };
  process.on('exit', abandoned);
  draw();
  return {
    event: (event) => void progress.event(event),
    series: (point) => progress.series(point),
    say: (lines) => {
      erase();
      screen.write(`${lines.join('\n')}\n`);
      draw();
    },
    end: (verdict, paths) => {
      leave();
      erase();
      if (verdict.verdict === 'pass') {
        // The one line must not break; the way to the report is worth more than how much held.
        const { scenario, reason } = verdict;
        const lines = [`${scenario}: ${reason}  ${paths.report}`, `${scenario}  ${paths.report}`, `${scenario}: ${reason}`];
        const room = (screen.columns || 80) - ' PASS   '.length;
        screen.write(`${paint('pass', colour)}  ${lines.find(({ length }) => length <= room) ?? cut(scenario, room)}\n`);
        return;
      }
      const { plan } = progress;
      const told = [
        colour.bold(plan.scenario) + colour.dim(`  target ${plan.target}, seed ${plan.seed}, ${plan.id}`),
        ...plan.scaled.map((line) => colour.dim(`  scaled: ${line}`)),
        ...progress.lines.map((line) => timed(line, colour)),
        ...closing(verdict, paths, colour),
      ];
      screen.write(`${told.join('\n')}\n`);
    },
  };
}

/** The picture, at most `rows - 1` lines of at most `columns` cells: the cursor stands below it. Pure. */
export function frame(progress: Progress, now: number, columns: number, rows: number, colour: ChalkInstance): string[] {
  const { plan } = progress;
  const room = Math.max(3, rows - 1);
  const within = (text: string, paint: (words: string) => string = (words) => words): string => paint(cut(text, columns));
  const done = plan.durationSeconds > 0 ? 1 - progress.left(now) / plan.durationSeconds : 1;
  const filled = Math.round(done * BAR_CELLS);
  const head = [
    within(`${plan.scenario}  target ${plan.target}, seed ${plan.seed}, ${plan.subject.name}`, colour.bold),
    within(`${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)} ${progress.leftWords(now)} · ${progress.stageWords}`),
    within(progress.figures.join(' · '), colour.dim),
  ];
  const events = progress.lines.slice(-EVENTS.most);
  const forInvariants = room - head.length - Math.min(EVENTS.least, events.length);
  // Violated ones first only when not all have room: rows that jump about are hard to follow.
  const all = progress.invariants;
  const shown =
    all.length <= forInvariants
      ? all
      : all.toSorted((a, b) => Number(b.isViolated) - Number(a.isViolated)).slice(0, Math.max(0, forInvariants));
  const nameWidth = Math.max(0, ...all.map(({ name }) => name.length));
  const valueWidth = Math.max(0, ...all.map(({ value }) => value.length));
  const invariants = shown.map((i) => {
    const text = `${i.isViolated ? '✖' : '·'} ${i.name.padEnd(nameWidth)}  ${i.spark.padEnd(SPARK_CELLS)}  ${i.value.padStart(valueWidth)}  ${i.bound}`;
    return within(text, i.isViolated ? colour.red : undefined);
  });
  const left = room - head.length - invariants.length;
  const paints = { plain: (words: string) => words, strong: colour.bold, bad: colour.red, warn: colour.yellow };
  const last =
    left <= 0 ? [] : events.slice(-left).map(({ at, text, tone }) => within(`${at.toFixed(1).padStart(7)} s  ${text}`, paints[tone]));
  return [...head, ...invariants, ...last].slice(0, room);
}

/** One line of at most so many cells; what controls a terminal is made visible. Words of the subject may hold anything. */
function cut(text: string, columns: number): string {
  const clean = text.replace(/\s/g, ' ').replace(/\p{C}/gu, '?');
  return clean.length <= columns ? clean : `${clean.slice(0, Math.max(0, columns - 1))}…`;
}
