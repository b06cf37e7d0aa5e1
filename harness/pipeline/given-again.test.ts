import { describe, expect, it } from 'vitest';
import { givenAgain, givenToKeep } from './given-again.js';

const GIVEN = { kafka: 'broker:9092', clickhouse: 'http://soak:open:s@esame@db:8123' };

describe('a broker and a database that were given', () => {
  it('are kept without their password, and only where the scenario uses them', () => {
    expect(givenToKeep(GIVEN, ['kafka', 'clickhouse'])).toEqual({ kafka: 'broker:9092', clickhouse: 'http://soak:***@db:8123' });
    expect(givenToKeep({ clickhouse: 'http://db:8123' }, ['clickhouse'])).toEqual({ clickhouse: 'http://db:8123' });
    expect(givenToKeep(GIVEN, [])).toEqual({});
  });

  it('are those of a replay too, unless others are named', () => {
    expect(givenAgain({ kafka: 'a:1', clickhouse: 'http://db:8123' }, {})).toEqual({ kafka: 'a:1', clickhouse: 'http://db:8123' });
    expect(givenAgain({ kafka: 'a:1' }, { kafka: 'b:2' })).toEqual({ kafka: 'b:2' });
  });

  it('are asked for again where one had a password', () => {
    const kept = givenToKeep(GIVEN, ['kafka', 'clickhouse']);
    expect(() => givenAgain(kept, {})).toThrow('whose password is stored nowhere');
    expect(givenAgain(kept, { clickhouse: GIVEN.clickhouse })).toEqual(GIVEN);
  });
});
