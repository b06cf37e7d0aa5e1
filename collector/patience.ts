/**
 * Namespaces that can't be entered are tried again later and later, so that a host full of them costs a poll nothing. Only those: a dump that
 * failed in a namespace that could be entered is asked for at each poll.
 */
import { indexOfInode, type NamespaceList, type NamespaceRef, type NamespaceResult, withoutNamespaces } from '../native/index.js';

/** From the failure: 1 s, doubled with each one, to 5 minutes. */
const FIRST_SECONDS = 1;
const MOST_SECONDS = 300;
/** Ahead of the dump itself. */
const ENTERING = new Set(['open', 'setns', 'socket', 'proof']);

export class Patience {
  private readonly waiting = new Map<string, { inode: number; failures: number; until: number }>();

  /** @param now seconds, monotonic */
  constructor(private readonly now: () => number) {}

  /** Which are to be read now. Forgets those that are no more. */
  due(namespaces: NamespaceList): NamespaceList {
    const now = this.now();
    const putOff: number[] = [];
    for (const [key, { inode, until }] of this.waiting) {
      const index = indexOfInode(namespaces, inode);
      const there = namespaces.at(index);
      if (index < 0 || there === undefined || keyOf(there) !== key) this.waiting.delete(key);
      else if (until > now) putOff.push(index);
    }
    return withoutNamespaces(namespaces, putOff);
  }

  /** Whether anything waits to be tried again, so that a success is news. */
  get isWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** What became of one. */
  note(namespace: NamespaceRef, { status, step }: NamespaceResult): void {
    const key = keyOf(namespace);
    if (status === 'ok' || status === 'gone' || !ENTERING.has(step)) {
      this.waiting.delete(key);
      return;
    }
    const failures = (this.waiting.get(key)?.failures ?? 0) + 1;
    this.waiting.set(key, {
      inode: namespace.inode,
      failures,
      until: this.now() + Math.min(MOST_SECONDS, FIRST_SECONDS * 2 ** (failures - 1)),
    });
  }
}

/** The path too: what one name of a namespace denies, another may allow. */
function keyOf({ inode, generation, path }: NamespaceRef): string {
  return `${inode} ${generation} ${path}`;
}
