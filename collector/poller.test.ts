import { describe, expect, it } from 'vitest';
import {
  type Envelope,
  type NamespaceResult,
  NamespaceResults,
  type PollResult,
  type Reader,
  type UnreadDirectory,
} from '../native/index.js';
import { NullExporter } from './export/null.js';
import { namespaceRef, namespaceResult } from './namespace.test-support.js';
import { Books, Outbox } from './outbox.js';
import { Poller } from './poller.js';

const result = (index: number, over: Partial<NamespaceResult> = {}): NamespaceResult =>
  namespaceResult({ index, netnsCookie: 1n, ...over });

/** A reader whose every poll hands over one envelope and then reports what it is told to. */
function setUp(
  found: readonly string[],
  namespaces: readonly NamespaceResult[],
  counted = namespaces.length,
  unread: readonly UnreadDirectory[] = [],
) {
  const logged: string[] = [];
  const metrics: unknown[] = [];
  let clock = 100;
  let hand: (envelope: Envelope) => void = () => {};
  const reader: Reader = {
    poll: async () => {
      clock += 2;
      hand({ bytes: Buffer.from('x'), rows: namespaces.length, pollId: 1n, release: () => {} });
      const poll: PollResult = {
        pollId: 1n,
        rows: counted,
        envelopes: 1,
        durationSeconds: 2,
        namespaces: NamespaceResults.of(namespaces),
        duplicates: 0,
        unknown: {},
        skippedEmpty: 0,
        faults: {},
      };
      return poll;
    },
    close: async () => {},
  };
  const poller = new Poller({
    find: async () => {
      clock += 1;
      return { namespaces: found.map((name) => namespaceRef(name)), denied: 3, unread };
    },
    open: (onEnvelope) => {
      hand = onEnvelope;
      return reader;
    },
    outbox: new Outbox(new NullExporter(), new Books(), { dropped: () => {}, broken: () => {} }),
    metrics: {
      discovered: (seconds, denied, dirs) => metrics.push({ discovered: seconds, denied, dirs }),
      polled: (_, seconds) => metrics.push({ polled: seconds }),
    },
    log: (level, message, fields) => logged.push(`${level} ${message} ${fields?.name ?? fields?.path ?? ''}`.trim()),
    now: () => clock,
  });
  return { poller, logged, metrics, move: (seconds: number) => (clock += seconds) };
}

describe('a poll', () => {
  it('is measured from the search for namespaces to its last row', async () => {
    const { poller, metrics, move } = setUp(['a', 'b'], [result(0), result(1)]);
    expect(poller.age).toBeUndefined();
    await poller.poll();
    expect(metrics).toEqual([{ discovered: 1, denied: 3, dirs: 0 }, { polled: 3 }]);
    move(7);
    expect(poller.age).toBe(7);
  });

  it('warns of a namespace that could not be read, by name, and not of one that is gone', async () => {
    const failed = [result(0), result(1, { status: 'gone', step: 'open' }), result(2, { status: 'unenterable', step: 'proof' })];
    const { poller, logged } = setUp(['a', 'b', 'c'], failed);
    await poller.poll();
    expect(logged.filter((line) => !line.startsWith('debug'))).toEqual(['warn a namespace could not be read: unenterable at proof c']);
  });

  it('warns of a directory that could not be read, and counts it', async () => {
    const { poller, logged, metrics } = setUp(['a'], [result(0)], 1, [{ path: '/closed', errno: 13 }]);
    await poller.poll();
    expect(logged.filter((line) => line.startsWith('warn'))).toEqual(['warn a directory of namespace-dirs can not be read /closed']);
    expect(metrics[0]).toMatchObject({ dirs: 1 });
  });

  it('says when rows got lost between the reader and us', async () => {
    const { poller, logged } = setUp(['a'], [result(0)], 5);
    await poller.poll();
    expect(logged).toContain('error the reader counts other rows than it handed over');
  });

  it('gives up when not one namespace may be entered, and only then', async () => {
    const denied = { status: 'denied', step: 'setns', errno: 1 } as const;
    await expect(setUp(['a', 'b'], [result(0, denied), result(1, denied)]).poller.poll()).rejects.toMatchObject({ exitCode: 77 });
    await expect(setUp(['a', 'b'], [result(0), result(1, denied)]).poller.poll()).resolves.toMatchObject({ rows: 2 });
  });
});
