/**
 * A session in the namespace that a name stands for, also after the name was given to another one (`ip netns del x; ip netns add x`). The
 * sockets of the old one are let go of at once: they would keep a dead namespace alive, and what is read there is nobody's any more.
 */
import { statSync } from 'node:fs';
import { type NamespacePlace, openRtnl, type Rtnl } from '../../native/rtnl/index.js';

export interface Followed {
  /** Always the session of now; rejects while the name stands for nothing. */
  readonly rtnl: Rtnl;
  readonly place: NamespacePlace;
  /** The name stands for nothing, or for something that cannot be entered. */
  readonly lost: boolean;
  /** Looks where the name leads by now, and moves the session there. `moving` is called just before anything can be sent to another place. */
  check(moving: () => void): Promise<boolean>;
}

/** The namespace that a path stands for now; undefined when there is none. */
export function lookAt(path: string): NamespacePlace | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : { path, device: found.dev, inode: found.ino };
}

/** @throws NetlinkError when the place cannot be entered */
export async function follow(first: NamespacePlace): Promise<Followed> {
  let [place, lost] = [first, false];
  let current = await openRtnl(first);
  // Its methods are closures: which session they belong to is decided when they are asked for.
  const rtnl = new Proxy({} as Rtnl, { get: (_, name) => Reflect.get(current, name) });
  return {
    rtnl,
    get place() {
      return place;
    },
    get lost() {
      return lost;
    },
    async check(moving) {
      const found = lookAt(first.path);
      if (found !== undefined && !lost && found.device === place.device && found.inode === place.inode) return false;
      lost = true;
      await current.close();
      if (found === undefined) return false;
      // Replaced once more, or not to be entered yet: the next look tries again.
      const next = await openRtnl(found).catch(() => undefined);
      if (next === undefined) return false;
      moving();
      current = next;
      [place, lost] = [found, false];
      return true;
    },
  };
}
