/** How a plan keeps the broker and the database that a run was given, so that a replay finds them again. Pure. */
import { NetsoakError } from '../errors.js';
import type { ServiceName } from '../facts/plan.js';
import type { Given } from './given.js';

/** As a plan may hold it, which reports show: those that a scenario uses, `***` for a password. */
export function givenToKeep({ kafka, clickhouse }: Given, services: readonly ServiceName[]): Given {
  return {
    ...(kafka !== undefined && services.includes('kafka') && { kafka }),
    ...(clickhouse !== undefined && services.includes('clickhouse') && { clickhouse: withoutPassword(clickhouse) }),
  };
}

function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^/@:]*):.*@/s, '$1:***@');
}

/**
 * Those of an earlier run, unless others are named now.
 * @throws NetsoakError (user) where one had a password, which no plan holds
 */
export function givenAgain(then: Given, now: Given): Given {
  if (now.clickhouse === undefined && then.clickhouse?.includes(':***@'))
    throw new NetsoakError(
      'user',
      'bad-clickhouse',
      `the run was on ${then.clickhouse}, whose password is stored nowhere`,
      'name the database again, with its password: --clickhouse URL',
    );
  return { ...then, ...now };
}
