/** `netsoak evaluate NAME`: ways of doing a thing held against each other, with a report that says which won. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { evaluationTable, renderEvaluation } from '../reports/evaluation.js';
import { thisHost } from './bench/host.js';
import { machineWarnings } from './bench/weather.js';
import { NetsoakError } from './errors.js';
import { QUESTIONS, type Question } from './evaluate/catalogue.js';
import { type Evaluation, verdictOf } from './evaluate/evaluation.js';
import { EXIT } from './exit.js';
import { Progress } from './progress-line.js';
import { PROJECT } from './project.js';
import { gatherProvenance } from './provenance.js';

export interface EvaluateFlags {
  readonly out?: string;
  readonly json?: boolean;
}

export async function evaluateCommand(name: string | undefined, flags: EvaluateFlags): Promise<number> {
  if (name === undefined) {
    process.stdout.write(`${QUESTIONS.map((each) => `${each.name.padEnd(14)} ${each.question}`).join('\n')}\n`);
    return EXIT.pass;
  }
  const question = QUESTIONS.find((each) => each.name === name);
  if (!question) {
    throw new NetsoakError(
      'user',
      'no-evaluation',
      `there is no evaluation \`${name}\``,
      `there are: ${QUESTIONS.map((each) => each.name).join(', ')}`,
    );
  }
  const unavailable = question.unavailable?.();
  if (unavailable !== undefined)
    throw new NetsoakError(
      'infra',
      'unavailable',
      `${name}: ${unavailable}`,
      'it takes root, and a kernel that allows what is to be measured',
    );
  const interrupts = new AbortController();
  const interrupt = (): void => (interrupts.signal.aborted ? process.exit(EXIT.killed) : interrupts.abort(new Error('interrupted')));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const evaluation = await answer(question, interrupts.signal);
    conclude(evaluation, flags);
    return EXIT.pass;
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
    process.stderr.write('interrupted: nothing is stored, nothing is left running\n');
    return EXIT.unknown;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function answer(question: Question, signal: AbortSignal): Promise<Evaluation> {
  const progress = new Progress();
  try {
    const cases = await question.measure({ signal, tell: (doing) => progress.tell(doing) });
    const { name, question: asked, variants, per, decides, notes } = question;
    return {
      kind: 'evaluation',
      schema: 1,
      name,
      question: asked,
      at: new Date().toISOString(),
      revision: gatherProvenance().revision ?? 'unknown',
      host: thisHost(),
      variants,
      per,
      decides,
      cases,
      notes: [...notes, ...machineWarnings()],
    };
  } finally {
    progress.clear();
  }
}

function conclude(evaluation: Evaluation, flags: EvaluateFlags): void {
  const verdict = verdictOf(evaluation);
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...evaluation, verdict })}\n`);
  else process.stdout.write(`${evaluationTable(evaluation)}\n\n${verdict.sentences.join('\n')}\n`);
  const out = resolve(flags.out ?? join(PROJECT, 'reports/runs/evaluations', `${evaluation.name}.html`));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, renderEvaluation(evaluation));
  writeFileSync(out.replace(/(\.html)?$/, '.json'), `${JSON.stringify(evaluation)}\n`);
  process.stderr.write(`report  ${out}\n`);
}
