/**
 * Namespaces that die while a thread of the subject is in them. That moment is microseconds long and nobody can wait for it, so the subject
 * is stopped at any moment; when a thread then stands in a namespace that is about to go, it stays stopped until that has lost its name.
 * The load churns meanwhile, so that there are such namespaces and the ledger knows of them; a scenario must not churn beside it.
 */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './phases.js';
import type { Patient } from './subject.js';

const NAMES = '/run/netns';
/** Short lives: one that is caught goes while we wait. */
const LIFE_MS = { min_ms: 300, max_ms: 1500 };
const INTERVAL_MS = 60;
const WAIT_MS = 4000;

export function namespacesDying({ supervisor, load }: Pick<Patient, 'supervisor' | 'load'>): Fault {
  const over = new AbortController();
  let catching: Promise<void> = Promise.resolve();
  let died = 0;
  let stops = 0;
  let failure: Error | undefined;
  const pid = supervisor.pid ?? 0;
  const catchOne = async (): Promise<void> => {
    stops++;
    supervisor.kill('SIGSTOP');
    try {
      const inside = namespacesOf(pid).filter((inode) => nameOf(inode)?.includes('-ch-'));
      for (const until = performance.now() + WAIT_MS; inside.length > 0 && performance.now() < until; await delay(20)) {
        const dead = inside.filter((inode) => nameOf(inode) === undefined);
        if (dead.length === 0) continue;
        died += dead.length;
        return;
      }
    } finally {
      supervisor.kill('SIGCONT');
    }
  };
  return {
    inject: async () => {
      await load.command('churn', { interval_ms: INTERVAL_MS, connections: 2, ...LIFE_MS });
      catching = (async () => {
        while (!over.signal.aborted) {
          await catchOne();
          await delay(5 + (stops % 7) * 3);
        }
      })().catch((error: Error) => {
        failure = error;
      });
    },
    effect: () => {
      if (failure) throw failure;
      return died > 0 ? `${died} namespaces lost their name with a thread in them, at ${stops} stops` : undefined;
    },
    recover: async () => {
      over.abort();
      await catching;
      await load.command('stop-churn');
    },
    recovered: async () =>
      supervisor.pid === pid && (await supervisor.isReady()) ? `ready; ${died} died with a thread in them, at ${stops} stops` : undefined,
  };
}

/** Inodes of the network namespaces in which its threads are, but for the one of its main thread. */
function namespacesOf(pid: number): number[] {
  try {
    const home = inodeAt(`/proc/${pid}/ns/net`);
    const all = readdirSync(`/proc/${pid}/task`).map((tid) => inodeAt(`/proc/${pid}/task/${tid}/ns/net`));
    return [...new Set(all)].filter((inode) => inode !== home && inode !== 0);
  } catch {
    return [];
  }
}

/** `net:[4026531840]`, namespaces(7). */
function inodeAt(link: string): number {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync(link))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The name under which a namespace is bound, undefined when it has none (any more). */
function nameOf(inode: number): string | undefined {
  return readdirSync(NAMES).find((name) => {
    try {
      return statSync(join(NAMES, name)).ino === inode;
    } catch {
      return false;
    }
  });
}
