import type { Evaluation } from './evaluation.js';

/** Ten samples each of the given CPU seconds of two ways, by load; `scatter` is how far they lie apart, as a share. */
export function fakeEvaluation(loads: Readonly<Record<string, readonly [ours: number, theirs: number]>>, scatter = 0.001): Evaluation {
  const samples = (middle: number) => Array.from({ length: 10 }, (_, i) => middle * 1e9 * (1 + scatter * (((i * 7) % 10) / 10 - 0.45)));
  return {
    kind: 'evaluation',
    schema: 1,
    name: 'fake',
    question: 'Ours or theirs?',
    at: '2026-01-02T03:04:05.000Z',
    revision: '0123456789ab',
    host: { cpu: 'a processor', cores: 2, arch: 'x64', kernel: '6.18.0', node: 'v20.20.2' },
    variants: ['ours', 'theirs'],
    per: 'poll',
    decides: ['cpu'],
    cases: Object.entries(loads).map(([name, [ours, theirs]]) => ({
      name,
      metrics: { cpu: [samples(ours), samples(theirs)], threads: [samples(2e-9), samples(1e-9)] },
      words: [{ what: 'dominant system call', of: ['recvfrom', '<io_uring_enter>'] }],
    })),
    notes: ['A note that a reader needs.'],
  };
}
