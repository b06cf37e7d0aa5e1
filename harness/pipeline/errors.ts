/** A part of the pipeline that does not come up, or is gone: never a fault of the product. */
import { NetsoakError } from '../errors.js';

export class PipelineError extends NetsoakError {
  constructor(code: 'broker' | 'database' | 'missing', message: string, hint: string) {
    super('infra', code, message, hint);
    this.name = 'PipelineError';
  }
}
