import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { AnnounceFailure, DestroyListenerEvents } from '../native/index.js';
import { ClosedRows } from './closed.js';
import { namespaceRef } from './namespace.test-support.js';

const open: ClosedRows[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((closed) => closed.close()));
});

/** A listener that notes what it is told, and a host whose namespaces are counted each time that somebody looks. */
async function setUp({ leastMs = 0, failures = [] as readonly AnnounceFailure[] } = {}) {
  const announced: string[] = [];
  const logged: string[] = [];
  const failed: unknown[] = [];
  let events: DestroyListenerEvents | undefined;
  let looks = 0;
  let blind = false;
  const closed = await ClosedRows.open({
    open: async (given) => {
      events = given;
      return {
        receiveBuffer: 1,
        announce: async (namespaces) => {
          announced.push([...namespaces].map(({ name }) => name).join());
          return failures;
        },
        counters: () => ({ events: 0, lost: 0, rows: 0, filtered: 0, sampledOut: 0, unknownNamespace: 0 }) as never,
        close: async () => {},
      };
    },
    find: async () => {
      if (blind) throw new Error('no /proc');
      looks++;
      return { namespaces: Array.from({ length: looks }, (_, index) => namespaceRef(`n${index}`)), denied: 0, unread: [] };
    },
    push: () => {},
    failed: (error) => failed.push(error),
    log: (level, message, fields) => logged.push(`${level} ${message}: ${fields?.name}`),
    leastMs,
  });
  open.push(closed);
  return {
    closed,
    announced,
    logged,
    failed,
    looks: () => looks,
    goBlind: () => {
      blind = true;
    },
    unknown: () => events?.unknownNamespace(),
  };
}

describe('listening to closed sockets', () => {
  it('has told the listener of every namespace before the first poll', async () => {
    const { announced } = await setUp();
    expect(announced).toEqual(['n0']);
  });

  it('looks for namespaces once, however many closed sockets call for it, and announces what it finds', async () => {
    const { announced, unknown, looks } = await setUp();
    for (let socket = 0; socket < 100; socket++) unknown();
    while (announced.length < 2) await sleep(1);
    expect(looks()).toBe(2);
    expect(announced).toEqual(['n0', 'n0,n1']);
    unknown();
    while (announced.length < 3) await sleep(1);
    expect(looks()).toBe(3);
  });

  it('does not look again before its time', async () => {
    const { unknown, looks } = await setUp({ leastMs: 3_600_000 });
    unknown();
    await sleep(20);
    expect(looks()).toBe(1);
  });

  it('looks no more once it is closed', async () => {
    const { closed, unknown, looks, announced } = await setUp();
    unknown();
    await closed.close();
    unknown();
    closed.announce([namespaceRef('late')]);
    await sleep(20);
    expect(looks()).toBe(1);
    expect(announced).toEqual(['n0']);
  });

  it('names the namespace that it could not follow', async () => {
    const { logged } = await setUp({ failures: [{ index: 0, step: 'nsid', errno: 1 }] });
    expect(logged).toEqual(['warn closed sockets of a namespace will not be heard: nsid failed: n0']);
  });

  it('says so when it can look no more', async () => {
    const { goBlind, unknown, failed } = await setUp();
    goBlind();
    unknown();
    while (failed.length === 0) await sleep(1);
    expect(failed).toEqual([new Error('no /proc')]);
  });
});
