/** What the kernel lets this process do, thread by thread (capabilities(7)). */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { addon } from './addon.js';

/** Bits of linux/capability.h, those that a collector may need. */
export const CAPABILITIES = {
  CAP_DAC_OVERRIDE: 1,
  CAP_DAC_READ_SEARCH: 2,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_BROADCAST: 11,
  CAP_NET_ADMIN: 12,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
} as const;
export type Capability = keyof typeof CAPABILITIES;

/** Effective in the calling thread, as /proc says. @param status text of a `/proc/PID/status` */
export function effectiveCapabilities(status: string = readFileSync('/proc/self/status', 'utf8')): ReadonlySet<Capability> {
  const bits = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const names = Object.keys(CAPABILITIES) as Capability[];
  return new Set(names.filter((name) => (bits >> BigInt(CAPABILITIES[name])) & 1n));
}

/**
 * Gives up, in every thread and for good, all capabilities but these, and the ways to get others (bounding and ambient set, no_new_privs).
 * @throws Error when a thread still has more
 */
export function keepCapabilities(keep: readonly Capability[]): void {
  const mask = keep.reduce((bits, name) => bits | (1n << BigInt(CAPABILITIES[name])), 0n);
  const errno = addon().keepCapabilities(mask);
  if (errno !== 0) throw new Error(`capabilities could not be given up: ${errnoName(errno)}`);
  for (const thread of readdirSync('/proc/self/task')) {
    const permitted = /^CapPrm:\s*([0-9a-f]+)$/m.exec(threadStatus(thread))?.[1] ?? '0';
    if ((BigInt(`0x${permitted}`) & ~mask) !== 0n)
      throw new Error(`thread ${thread} has kept capabilities that were to be given up: ${permitted}`);
  }
}

function threadStatus(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
  } catch {
    // Ended since it was listed.
    return '';
  }
}

function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
