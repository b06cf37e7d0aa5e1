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
  const { code, message, hint } = error as Error & { code?: string; hint?: string };
  // What is neither a case of ours nor the system's (no space, no permission) is a fault of ours and shows its stack.
  if (code === undefined) throw error;
  console.error(`netsoak: ${error instanceof VmError ? message : `the guest kernel can't be prepared: ${message.split('\n')[0]}`}`);
  console.error(`  ${hint ?? 'it needs 500 MB in the folder for temporary files (TMPDIR) and 100 MB in the cache'}`);
  process.exitCode = INFRA;
}
