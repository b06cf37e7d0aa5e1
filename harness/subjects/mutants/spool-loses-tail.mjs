/**
 * A planted fault: what was put into the spool last is gone at the next start, as if it had stood in a buffer of the process that was killed.
 * Nobody counts it. Loaded before the daemon, which knows nothing of it.
 */
import { existsSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

const { Spool } = await import('../../../dist/collector/export/spool/spool.js');

const { open } = Spool;
Spool.open = (dir, ...rest) => {
  if (existsSync(dir)) cutTail(dir);
  return open.call(Spool, dir, ...rest);
};

/** The newest segment loses half of its bytes. */
function cutTail(dir) {
  const newest = readdirSync(dir)
    .filter((name) => name.endsWith('.spool'))
    .sort()
    .map((name) => join(dir, name))
    .findLast((path) => statSync(path).size > 0);
  if (newest) truncateSync(newest, Math.floor(statSync(newest).size / 2));
}
