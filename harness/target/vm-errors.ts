/** What the vm says is missing or broken is the machine's, and keeps its cure. */
import { VmError } from '../../vm/errors.js';
import { NetsoakError } from '../errors.js';

export async function orExplain<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof VmError)
      throw new NetsoakError(error.code === 'kernel-unknown' ? 'user' : 'infra', error.code, error.message, error.hint);
    throw error;
  }
}
