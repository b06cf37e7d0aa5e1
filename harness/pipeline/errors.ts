/** A part of the pipeline that does not come up, or is gone: never a fault of the product. */
export class PipelineError extends Error {
  readonly owner = 'infra';

  constructor(
    readonly code: 'broker' | 'database' | 'missing',
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = 'PipelineError';
  }
}
