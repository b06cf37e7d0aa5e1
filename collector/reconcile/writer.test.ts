import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../native/rtnl/index.js';
import { handClock } from './clock.test-support.js';
import { Writer } from './writer.js';

const done: Answer = { errno: 0, code: '', detail: '', reply: [] };

function rig(rate = 0, burst = 0) {
  const clock = handClock();
  const sent: number[] = [];
  const writer = new Writer({
    clock,
    rate,
    burst,
    rtnl: {
      async change([message]) {
        sent.push((message as Uint8Array)[0] as number);
        await new Promise<void>((resolve) => setImmediate(resolve));
        return [done];
      },
    },
  });
  const task = (id: number, stillWanted = () => true) =>
    writer.enqueue({
      stillWanted,
      async run(send) {
        await send(Uint8Array.of(id));
        return { kind: 'ok' };
      },
    });
  return { clock, sent, writer, task };
}

describe('the writer', () => {
  it('RM-3 writes in the order of asking, one at a time', async () => {
    const { sent, task } = rig();
    const outcomes = await Promise.all([1, 2, 3, 4].map((id) => task(id)));
    expect(sent).toEqual([1, 2, 3, 4]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('RM-3 RT-8 does not send what is no longer wanted when its turn comes', async () => {
    const { sent, task } = rig();
    let wanted = true;
    const first = task(1);
    const second = task(2, () => wanted);
    wanted = false;
    expect([await first, await second]).toEqual([{ kind: 'ok' }, { kind: 'superseded' }]);
    expect(sent).toEqual([1]);
  });

  it('RM-5 checks again before every message of a task, so that a kill switch works in its middle', async () => {
    const { sent, writer } = rig();
    let allowed = true;
    const outcome = await writer.enqueue({
      stillWanted: () => allowed,
      async run(send) {
        await send(Uint8Array.of(1));
        allowed = false;
        await send(Uint8Array.of(2));
        return { kind: 'ok' };
      },
    });
    expect([outcome.kind, sent]).toEqual(['superseded', [1]]);
  });

  it('goes on after a task that throws', async () => {
    const { sent, task, writer } = rig();
    const broken = writer.enqueue({ stillWanted: () => true, run: () => Promise.reject(new Error('socket gone')) });
    await task(2);
    expect(await broken).toEqual({ kind: 'error', errno: '', detail: 'socket gone' });
    expect(sent).toEqual([2]);
  });

  it('RM-8 keeps to its rate after a burst', async () => {
    const { clock, sent, task } = rig(10, 3);
    const all = Promise.all(Array.from({ length: 5 }, (_, id) => task(id)));
    await clock.advance(50);
    expect(sent).toEqual([0, 1, 2]);
    await clock.advance(60);
    expect(sent).toEqual([0, 1, 2, 3]);
    await clock.advance(200);
    await all;
    expect(sent).toEqual([0, 1, 2, 3, 4]);
  });

  it('sends nothing after close', async () => {
    const { sent, task, writer } = rig();
    const late = task(1);
    const closed = writer.close();
    expect((await late).kind).toBe('superseded');
    await closed;
    expect(sent).toEqual([]);
  });

  it('RT-11 leaves the last intent standing under every interleaving of add and withdraw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.boolean(), fc.nat(3)), { maxLength: 40 }), async (steps) => {
        const kernel = new Set<number>();
        const clock = handClock();
        const writer = new Writer({
          clock,
          rate: 0,
          burst: 0,
          rtnl: {
            async change([message]) {
              const [verb, key] = message as Uint8Array as unknown as [number, number];
              if (verb === 1) kernel.add(key);
              else kernel.delete(key);
              await new Promise<void>((resolve) => setImmediate(resolve));
              return [done];
            },
          },
        });
        const intent = new Map<number, { wanted: boolean; gen: number }>();
        for (const [key, wanted, pause] of steps) {
          const gen = (intent.get(key)?.gen ?? 0) + 1;
          intent.set(key, { wanted, gen });
          void writer.enqueue({
            stillWanted: () => intent.get(key)?.gen === gen,
            async run(send) {
              await send(Uint8Array.of(wanted ? 1 : 0, key));
              return { kind: 'ok' };
            },
          });
          for (let i = 0; i < pause; i++) await new Promise<void>((resolve) => setImmediate(resolve));
        }
        await writer.enqueue({ stillWanted: () => true, run: async () => ({ kind: 'ok' }) });
        expect([...kernel].sort()).toEqual(
          [...intent]
            .filter(([, { wanted }]) => wanted)
            .map(([key]) => key)
            .sort(),
        );
      }),
      { numRuns: 200 },
    );
  });
});
