/** What the kernel lets this process do, said in one sentence before it says no in a thousand places. */
import fs from 'node:fs';
import type { NamespaceResult } from '../native/index.js';
import { MissingRight } from './errors.js';

/** linux/capability.h */
const CAP_SYS_ADMIN = 21n;

const HINT = 'run netsoakd as root, or give it CAP_SYS_ADMIN and CAP_SYS_PTRACE (AmbientCapabilities= in its systemd unit)';

/** setns(2) into a network namespace takes CAP_SYS_ADMIN, even into one's own. */
export function requireRights(status: string = fs.readFileSync('/proc/self/status', 'utf8')): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if (((effective >> CAP_SYS_ADMIN) & 1n) === 0n) {
    throw new MissingRight('capability', 'netsoakd may not enter network namespaces: CAP_SYS_ADMIN is missing', HINT);
  }
}

/** The capability may be there and still count for nothing, as for root of a user namespace. */
export function requireOneReadable(results: readonly NamespaceResult[]): void {
  if (results.length > 0 && results.every((result) => result.status === 'denied')) {
    throw new MissingRight(
      'namespaces-denied',
      `none of ${results.length} network namespaces may be entered: this process is root of a user namespace that owns none of them`,
      HINT,
    );
  }
}
