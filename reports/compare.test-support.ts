/** Comparisons that never were, for tests of their pages. The same arguments give the same bytes. */
import type { BenchComparison, BenchResult, RowSamples } from '../harness/bench/result.js';
import type { HistoryEntry } from '../harness/bench/store.js';
import { random } from '../harness/stats/simulated.test-support.js';

const HOST = { cpu: 'Fast <1>', cores: 2, arch: 'x64', kernel: '6.1.0', node: 'v20.20.2' };

/** Twenty rows; `slow` of them by how much the new side is slower. */
export function fakeComparison(slow: Readonly<Record<number, number>>, confirmed = true): BenchComparison {
  const r = random(9);
  const draw = (level: number): number[] => Array.from({ length: 10 }, () => level * (1 + 0.01 * Math.abs(r.normal())));
  const take = (factor: (i: number) => number): RowSamples[] =>
    Array.from({ length: 20 }, (_, i) => ({
      suite: i < 10 ? 'native/decode' : 'collector/export|<b>',
      name: `row ${i}`,
      per: 'row',
      metrics: { time: draw(50 * 3 ** (i % 7) * factor(i)), alloc: draw(100) },
    }));
  const result = (label: string, revision: string, rows: readonly RowSamples[]): BenchResult => ({
    kind: 'bench-result',
    schema: 1,
    at: '2026-01-02T03:04:05.678Z',
    label,
    revision,
    host: HOST,
    rows,
    warnings: ['the machine is busy'],
  });
  const factor = (i: number): number => slow[i] ?? 1;
  const [old, now] = [take(() => 1), take(factor)];
  const chosen = (rows: readonly RowSamples[]): RowSamples[] => rows.filter((_, i) => slow[i] !== undefined);
  return {
    kind: 'bench-comparison',
    schema: 1,
    at: '2026-01-02T03:04:05.678Z',
    old: result('HEAD~1 (0ld)', '0ld', old),
    new: result('working tree', 'n3w', now),
    interleaved: true,
    ...(confirmed ? { again: { old: chosen(take(() => 1)), new: chosen(take(factor)) } } : {}),
    noise: null,
    missing: ['native/new: only in the working tree'],
  };
}

/** A row that became a quarter slower with the eighth of sixteen measurements. */
export function fakeHistory(): HistoryEntry[] {
  return Array.from({ length: 16 }, (_, i) => ({
    at: `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`,
    revision: `rev${i}`,
    host: HOST,
    medians: { 'native/decode: row 3 / time': 1350 * (i < 7 ? 1 : 1.25) + ((i * 7) % 5) },
  }));
}
