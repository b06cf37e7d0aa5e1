/** `netsoak figures`: what the collector promises to cost, measured here and now, each against its promise. */
import chalk from 'chalk';
import { machineWarnings } from './bench/weather.js';
import { explain, NetsoakError } from './errors.js';
import { EXIT } from './exit.js';
import { FIGURES, type FigureName, figuresTable, judgeFigure, type Kept, type Measurements } from './figures/figure.js';
import { Place } from './figures/place.js';
import { STAGES } from './figures/stages.js';
import { Progress } from './progress-line.js';
import { gatherProvenance } from './provenance.js';

export interface FiguresFlags {
  readonly only?: readonly string[];
  readonly json?: boolean;
}

export async function figuresCommand(flags: FiguresFlags): Promise<number> {
  const asked = choose(flags.only ?? []);
  if (process.getuid?.() !== 0) {
    throw new NetsoakError('user', 'no-root', 'the figures need namespaces, and only root may make them', 'run it as root');
  }
  const interrupts = new AbortController();
  const interrupt = (): void => (interrupts.signal.aborted ? process.exit(EXIT.killed) : interrupts.abort(new Error('interrupted')));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const measured = await measure(asked, interrupts.signal);
    for (const warning of machineWarnings()) say(chalk.yellow(`! ${warning}`));
    return conclude(asked, measured, flags.json === true);
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    say('interrupted: nothing is left running');
    return EXIT.unknown;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

function choose(only: readonly string[]): FigureName[] {
  const names = FIGURES.map(({ name }) => name);
  const unknown = only.find((word) => !names.some((name) => name === word));
  if (unknown !== undefined) {
    throw new NetsoakError('user', 'no-figure', `there is no figure \`${unknown}\``, `there are: ${names.join(', ')}`);
  }
  return only.length === 0 ? names : names.filter((name) => only.includes(name));
}

async function measure(asked: readonly FigureName[], signal: AbortSignal): Promise<Measurements> {
  const stages = STAGES.filter(({ figures }) => figures.some((name) => asked.includes(name)));
  let [measured, left]: [Measurements, number] = [{}, stages.reduce((sum, { seconds }) => sum + seconds, 0)];
  const progress = new Progress();
  for (const stage of stages) {
    const place = new Place(signal);
    const tell = (doing: string) => progress.tell(`${stage.figures.join(', ')}: ${doing} (about ${left} s left)`);
    try {
      await place.open();
      tell('beginning');
      measured = { ...measured, ...(await stage.run(place, asked, tell)) };
    } catch (error) {
      signal.throwIfAborted();
      // One figure that can't be had must not cost the others.
      const { message } = explain(error);
      for (const name of stage.figures) measured = { ...measured, [name]: { value: Number.NaN, detail: '', vacuous: message } };
    } finally {
      await place.close();
      progress.clear();
    }
    left -= stage.seconds;
  }
  return measured;
}

function conclude(asked: readonly FigureName[], measured: Measurements, json: boolean): number {
  const verdicts = FIGURES.filter(({ name }) => asked.includes(name)).map((figure) => ({
    ...figure,
    ...measured[figure.name],
    verdict: judgeFigure(figure, measured[figure.name]),
  }));
  if (json)
    process.stdout.write(
      `${JSON.stringify({ kind: 'figures', at: new Date().toISOString(), ...gatherProvenance(), figures: verdicts })}\n`,
    );
  else process.stdout.write(`${figuresTable(asked, measured, paint)}\n`);
  const count = (kept: Kept) => verdicts.filter(({ verdict }) => verdict === kept).length;
  say(`${count('kept')} of ${verdicts.length} figures reached${count('missed') > 0 ? `, ${count('missed')} missed` : ''}`);
  return count('missed') > 0 ? EXIT.fail : count('unknown') > 0 ? EXIT.unknown : EXIT.pass;
}

function paint(kept: Kept, text: string): string {
  switch (kept) {
    case 'kept':
      return chalk.green(text);
    case 'missed':
      return chalk.red(text);
    case 'unknown':
      return chalk.yellow(text);
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
