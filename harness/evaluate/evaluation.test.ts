import { describe, expect, it } from 'vitest';
import { QUESTIONS } from './catalogue.js';
import { duels, type Evaluation, verdictOf } from './evaluation.js';
import { fakeEvaluation } from './fake.test-support.js';
import { inTurn, SAMPLES } from './measuring.js';
import { tally } from './readers.js';

describe('an evaluation', () => {
  it('says who won, by how much and where', () => {
    const { winner, sentences } = verdictOf(fakeEvaluation({ few: [1, 2], many: [1, 4] }));
    expect(winner).toBe('first');
    expect(sentences).toEqual(['ours against theirs: wins in CPU by 2.0 to 4.0 times.']);
  });

  it('says so when the other way won', () => {
    const { winner, sentences } = verdictOf(fakeEvaluation({ few: [1, 0.8] }));
    expect(winner).toBe('other');
    expect(sentences).toEqual(['ours against theirs: loses in CPU by 25 %.']);
  });

  it('calls nothing a difference below three percent, however certain it is, nor what scatter can explain', () => {
    expect(verdictOf(fakeEvaluation({ few: [1, 1.02] }))).toMatchObject({
      winner: 'even',
      sentences: ['ours against theirs: no difference in CPU.'],
    });
    expect(duels(fakeEvaluation({ few: [1, 1.1] }, 0.5)).map(({ outcome }) => outcome)).toEqual(['even']);
  });

  it('tells loads apart that have different winners', () => {
    const { sentences } = verdictOf(fakeEvaluation({ few: [1, 0.5], many: [1, 2] }));
    expect(sentences).toEqual(['ours against theirs: wins in CPU by 2.0 times (many), loses in CPU by 2.0 times (few).']);
  });

  it('survives being stored', () => {
    const evaluation = fakeEvaluation({ few: [1, 2] });
    expect(verdictOf(JSON.parse(JSON.stringify(evaluation)) as Evaluation)).toEqual(verdictOf(evaluation));
  });
});

it('every question has a name of its own, at least two ways, and something to be decided by', () => {
  expect(new Set(QUESTIONS.map(({ name }) => name)).size).toBe(QUESTIONS.length);
  for (const { variants, decides } of QUESTIONS) expect([variants.length >= 2, decides[0]]).toEqual([true, 'cpu']);
});

it('takes the ways in turn, each as often first, and throws the first round away', async () => {
  const order: number[] = [];
  const metrics = await inTurn(2, 60, async (variant, round) => {
    order.push(variant);
    return { cpu: round };
  });
  expect(order.slice(0, 6)).toEqual([0, 1, 1, 0, 0, 1]);
  expect(metrics.cpu).toEqual([0, 1].map(() => Array.from({ length: SAMPLES }, (_, i) => i + 1)));
});

it('reads the dominant system call and the number of calls from a summary of strace', () => {
  const summary = `syscall               seconds     calls
---------------- ----------- ---------
recvfrom            0.029107       649
sendto              0.000010         1
----------------- ----------- ---------
total               0.029117       650
`;
  expect(tally(summary)).toEqual({ dominant: 'recvfrom', calls: 650 });
});
