/** Why the reconcilers cannot work here, as an operator should read it. */
import { NetlinkError } from '../../native/rtnl/index.js';
import { CollectorError, Fault, MissingRight } from '../errors.js';
import { LockDenied } from './lock.js';

const HINT =
  'give netsoakd CAP_SYS_ADMIN and CAP_NET_ADMIN, or configure no interfaces, routes and tc: sockets are read without CAP_NET_ADMIN';

export function reconcileFault(error: unknown): CollectorError {
  if (error instanceof CollectorError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof LockDenied) {
    return new MissingRight(
      'lock',
      text,
      'run it as root, or name a lock-dir that it may write to; sweep-tc --no-lock without --apply needs no right',
    );
  }
  if (!(error instanceof NetlinkError)) return new Fault('reconcile', text);
  return error.code === 'EPERM'
    ? new MissingRight('reconcile', `network interfaces may not be watched and changed: ${text}`, HINT)
    : new Fault('reconcile', text, '', 'infra');
}
