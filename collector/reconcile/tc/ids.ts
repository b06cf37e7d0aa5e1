/** Class ids: how one is chosen for a TAP, and how ids are written. Numbers throughout; text only at the edge. */

export const ROOT = 0x1_0000;
export const ROOT_CLASS = 0x1_0001;

/** `1:c` for 0x1000c, as tc(8) writes it: unpadded hex. */
export function formatId(id: number): string {
  return `${(id >>> 16).toString(16)}:${(id & 0xffff).toString(16)}`;
}

/** `1:c`, `1:000c` or `0x1000c`; undefined when it is no id. */
export function parseId(text: string): number | undefined {
  const pair = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text);
  if (pair !== null) return ((Number.parseInt(pair[1] as string, 16) << 16) | Number.parseInt(pair[2] as string, 16)) >>> 0;
  return /^0x[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
}

/** The minor that a TAP's name stands for: FNV-1a, 32 bits, the lower half of it; 0 and 1 are the root's. A hint, never a deletion target. */
export function derivedMinor(tap: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(tap)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Math.max(hash & 0xffff, 2);
}

/** The next one to try; wraps past 0 and 1. */
export const nextMinor = (minor: number): number => (minor >= 0xffff ? 2 : minor + 1);

/** How many of a TAP's own places are tried before any free one is taken. */
export const PROBES = 5;

/**
 * Minors to try, in order: the derived one, the four after it, then those that `taken` (from a dump) leaves free. Each may still be taken
 * by the time it is used, so adding is exclusive and goes on with the next.
 */
export function* candidateMinors(tap: string, taken: ReadonlySet<number>): Generator<number, void> {
  const tried = new Set<number>();
  let minor = derivedMinor(tap);
  for (let probe = 0; probe < PROBES; probe++, minor = nextMinor(minor)) {
    tried.add(minor);
    yield minor;
  }
  for (let left = 0; left < 0xffff; left++, minor = nextMinor(minor)) {
    if (!tried.has(minor) && !taken.has(minor)) {
      tried.add(minor);
      yield minor;
    }
  }
}
