/** `--shard 2/4`: a part of the scenarios that depends on nothing but their names, so that machines need not talk to each other. */
import { NetsoakError } from './errors.js';

export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly of: number;
}

export function parseShard(text: string): Shard {
  const [, index = '', of = ''] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const shard = { index: Number(index), of: Number(of) };
  if (shard.index >= 1 && shard.index <= shard.of) return shard;
  throw new NetsoakError(
    'user',
    'bad-shard',
    `--shard ${text}: not a part of a whole`,
    'write INDEX/COUNT, the first is 1/4, the last 4/4',
  );
}

/**
 * The names of one shard, in turn from all of them in alphabetical order: each name is in exactly one shard.
 * More shards than names are refused in every one of them, because a job that runs nothing proves nothing.
 */
export function namesOfShard(names: readonly string[], shard: Shard): string[] {
  const all = [...new Set(names)].sort();
  if (shard.of > all.length) {
    throw new NetsoakError(
      'user',
      'empty-shard',
      `--shard ${shard.index}/${shard.of}: there ${all.length === 1 ? 'is only 1 scenario' : `are only ${all.length} scenarios`} to share out`,
      `use at most ${all.length} shard${all.length === 1 ? '' : 's'}; these are: ${all.join(', ')}`,
    );
  }
  return all.filter((_, i) => i % shard.of === shard.index - 1);
}
