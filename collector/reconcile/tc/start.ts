/** tc within the daemon: the periodic sweep, and limits given and taken by command, all under one lock. */
import { readFile } from 'node:fs/promises';
import { Locked, lockPath, withLock } from '../lock.js';
import type { PassReport, Trigger } from '../model.js';
import type { StartOptions } from '../route/start.js';
import { effectiveMode } from '../settings.js';
import type { Part } from '../start.js';
import { parseAllocations } from './allocations.js';
import { type Allocation, liveTaps } from './classify.js';
import { Owner, reapable } from './owner.js';
import { Sweep } from './sweep.js';

const PATIENCE_MS = 5_000;
/** Borrowing is limited by the link alone: 40 Gbit/s, as the bridge's root class. */
const CEIL = 5_000_000_000;

export function startTc(options: StartOptions) {
  const { config, rtnl } = options;
  const bridge = config['tc-bridge'];
  /** Class ids given out since the start: newer than what the file may say. */
  const given = new Map<string, number>();
  const firstSeen = new Map<number, number>();
  let queue: Promise<unknown> = Promise.resolve();

  const allocations = async (): Promise<readonly Allocation[]> => {
    const file = config['tc-allocations'];
    if (file === '') return [];
    const listed = await parseAllocations(await readFile(file, 'utf8'));
    return listed.map((each) => ({ ...each, classId: given.get(each.id) ?? each.classId }));
  };
  const common = { ...options, tapPrefix: config['tap-prefix'], mode: () => part.mode };
  const sweep = new Sweep({
    ...common,
    bridge,
    allocations,
    radius: { maxDeletes: config['tc-max-deletes'], maxFraction: config['tc-max-fraction'] },
    minAgeMs: config['tc-min-age'],
    confirmPasses: config['tc-confirm-passes'],
    allowEmpty: false,
    logRepeatMs: config['log-repeat'],
  });
  const owner = new Owner({ ...common, ceil: CEIL });
  if (bridge !== '' && config['tc-max-deletes'] === 0 && config['tc-max-fraction'] === 0)
    options.log('warn', 'the tc sweep has no blast radius');

  const part: Part = {
    name: 'tc',
    schedule: { intervalMs: bridge === '' ? 0 : config['tc-interval'], jitter: config['reconcile-jitter'], debounceMs: 0, maxWaitMs: 0 },
    mode: effectiveMode(config['tc-mode'], bridge !== '', 'observe'),
    pass: (why) =>
      part.mode === 'off'
        ? sweep.pass(why)
        : locked(async () => {
            await reap(why);
            return sweep.pass(why);
          }).catch((error: unknown): PassReport => {
            if (!(error instanceof Locked)) throw error;
            options.metrics.tcCleanupFailures.inc({ operation: 'locked' });
            return {
              trigger: why,
              result: 'aborted',
              refusal: { reason: 'locked', detail: error.message },
              drift: {},
              outcomes: {},
              capped: 0,
            };
          }),
    command,
    stop: () => {},
  };
  return { part };

  /** Removes TAPs that no instance needs. Whatever goes wrong here is told, and the sweep goes on: the two do not depend on each other. */
  async function reap(why: Trigger): Promise<void> {
    if (!config['tap-reap'] || part.mode !== 'repair') return;
    try {
      const taps = liveTaps((await rtnl.links()).items, config['tap-prefix']);
      const now = options.clock.now();
      for (const index of firstSeen.keys()) if (!taps.has(index)) firstSeen.delete(index);
      for (const index of taps.keys()) if (!firstSeen.has(index)) firstSeen.set(index, now);
      const age = why === 'startup' ? 0 : config['tap-min-age'];
      for (const tap of reapable(taps, await allocations(), firstSeen, now, age)) {
        await owner.deleteTap(tap, 'cleanup_orphan');
        options.log('warn', 'a TAP that no instance needs was removed', { tap: tap.name });
      }
    } catch (error) {
      options.log('error', 'TAPs cannot be reaped now', { cause: error instanceof Error ? error.message : String(error) });
    }
  }

  /** One at a time in this process, and one at a time among processes. */
  function locked<T>(work: () => Promise<T>): Promise<T> {
    const result = queue.then(() => withLock(lockPath(config['lock-dir'], rtnl.cookie, 'tc'), PATIENCE_MS, work));
    queue = result.catch(() => {});
    return result;
  }

  /** Both looks, the minimum age apart, and what they agree on: answers when it is done. */
  async function sweepNow(): Promise<PassReport> {
    await locked(() => sweep.pass('manual'));
    await new Promise<void>((resolve) => options.clock.after(config['tc-min-age'], resolve));
    return locked(() => sweep.pass('manual'));
  }

  async function command([verb = '', id = '', flag = '']: readonly string[]): Promise<unknown> {
    if (verb === 'plan') return locked(() => sweep.find());
    if (verb === 'sweep') return sweepNow();
    if (verb !== 'apply' && verb !== 'release')
      throw new Error('tc plan | sweep | apply ID | release ID [--tap] | mode MODE | interval MS | look');
    // The TAP is the one that is there when the command is given; by its turn under the lock it may be another.
    const asked = (await rtnl.links()).items;
    return locked(async () => {
      const known = await allocations();
      const allocation = known.find((each) => each.id === id);
      if (allocation === undefined) throw new Error(`no instance ${JSON.stringify(id)} in the file of allocations`);
      const at = await sweep.bridge();
      if (verb === 'release') {
        const released = await owner.release(at, allocation, known, flag === '--tap');
        if (released.clear) given.set(id, 0);
        return released;
      }
      if (allocation.rate === 0) {
        given.set(id, 0);
        throw new Error(`instance ${id} has no upload rate`);
      }
      const tap = asked.find(({ name }) => name === allocation.tap);
      if (tap === undefined) throw new Error(`there is no interface ${allocation.tap}`);
      const applied = await owner.apply(at, allocation, tap.index);
      if (applied.classId !== 0) given.set(id, applied.classId);
      return applied;
    });
  }
}
