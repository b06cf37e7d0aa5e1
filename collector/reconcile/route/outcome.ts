/** What the kernel's answer to a route change means: done, already so, waiting for the world, someone else's, or a failure. */
import type { Answer } from '../../../native/rtnl/index.js';
import type { Outcome } from '../model.js';

const BLOCKED: Readonly<Record<string, string>> = {
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETDOWN: 'link-down',
  ENODEV: 'no-link',
  ENONET: 'no-link',
};

export function routeOutcome({ code, detail }: Answer): Outcome {
  if (code === '') return { kind: 'ok' };
  if (code === 'ESRCH') return { kind: 'gone' };
  if (code === 'EEXIST') return { kind: 'conflict', detail };
  const cause = BLOCKED[code] ?? causeOf(code, detail);
  return cause === undefined ? { kind: 'error', errno: code, detail } : { kind: 'blocked', cause, detail };
}

/** EINVAL says everything and nothing; the extended ack tells which (net/ipv4/fib_semantics.c, net/ipv6/route.c). */
function causeOf(code: string, detail: string): string | undefined {
  if (code !== 'EINVAL') return undefined;
  if (/prefsrc|source address/i.test(detail)) return 'prefsrc';
  if (/nexthop id/i.test(detail)) return 'no-nexthop';
  if (/gateway|nexthop|device/i.test(detail)) return 'gateway';
  return undefined;
}
