#!/usr/bin/env node
/**
 * `node dist/vm/prepare.js`: sees to it that a guest kernel is in the cache. Called by the set-up; may be called
 * at any time, by any user, and is done at once when there is nothing to do. Exits 3 when it can't be had.
 */
import { VmError } from './errors.js';
import { findKernel, prepareKernel } from './kernel.js';

const INFRA = 3;

try {
  const present = await findKernel();
  const kernel = present ?? (await prepareKernel((line) => console.log(`guest kernel: ${line}`)));
  console.log(`guest kernel: ${kernel.release} is ${present ? 'there' : 'ready'} (${kernel.vmlinux})`);
} catch (error) {
  if (!(error instanceof VmError)) throw error;
  console.error(`netsoak: ${error.message}\n  ${error.hint}`);
  process.exitCode = INFRA;
}
