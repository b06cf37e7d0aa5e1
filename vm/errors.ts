/**
 * What goes wrong with a guest, as cases. The fields are those of the harness's errors (`owner`, `code`, `hint`),
 * but the class is our own: vm/ knows nothing of the harness.
 */
export type VmErrorCode =
  | 'apt-lists-missing'
  | 'cache-unwritable'
  | 'command-not-absolute'
  | 'guest-silent'
  | 'kernel-missing'
  | 'kernel-unknown'
  | 'kernel-unusable'
  | 'program-missing'
  | 'qemu-failed'
  | 'share-refused'
  | 'socket-path-too-long'
  | 'supply-unreadable';

export class VmError extends Error {
  /** A guest that can't be had is never the fault of the product under test. */
  readonly owner = 'infra';

  constructor(
    readonly code: VmErrorCode,
    message: string,
    /** The cure, one sentence. */
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'VmError';
  }
}
