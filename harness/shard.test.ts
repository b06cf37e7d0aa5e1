import { describe, expect, it } from 'vitest';
import { NetsoakError } from './errors.js';
import { namesOfShard, parseShard } from './shard.js';

const NAMES = ['restart-storm', 'namespace-churn', 'short-lived', 'thread-law', 'many-sockets', 'kernel-limits', 'container-fanout'];
const shards = (names: readonly string[], of: number): string[][] =>
  Array.from({ length: of }, (_, i) => namesOfShard(names, { index: i + 1, of }));

describe('shards', () => {
  it.each([1, 2, 3, 4, 7])('%i of them hold each scenario once, as evenly as can be', (of) => {
    const parts = shards(NAMES, of);
    expect(parts.flat().sort()).toEqual([...NAMES].sort());
    const sizes = parts.map(({ length }) => length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  });

  it('do not depend on the order in which scenarios are named, nor on one named twice', () => {
    expect(shards([...NAMES].reverse(), 3)).toEqual(shards(NAMES, 3));
    expect(shards([...NAMES, 'thread-law'], 3)).toEqual(shards(NAMES, 3));
  });

  it.each(['0/4', '5/4', '1', '1/0', 'a/b', '1/4/2', '-1/4', ''])('are refused when written as "%s"', (text) => {
    expect(() => parseShard(text)).toThrow(NetsoakError);
  });

  it('are refused in every job alike when there are more of them than scenarios', () => {
    for (const index of [1, 2, 3]) {
      const refuse = (): unknown => namesOfShard(['a', 'b'], { index, of: 3 });
      expect(refuse).toThrow('there are only 2 scenarios to share out');
    }
  });
});
