/** Faults of what is not in the target: the conductor runs them, this asks it to and waits. */
import type { OutsideFaultName } from '../../facts/faults.js';

interface Asked {
  readonly call: number;
  readonly name: OutsideFaultName;
  readonly seconds: number;
}

export class OutsideFaults {
  #calls = 0;
  readonly #waiting = new Map<number, (error: string | undefined) => void>();

  constructor(private readonly send: (fault: Asked) => void) {}

  /** Resolves when it has recovered. Rejects when it did not take effect or not recover in time, or when the run is interrupted. */
  ask(fault: Omit<Asked, 'call'>, signal: AbortSignal): Promise<void> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      const settle = (error: string | undefined): void => {
        this.#waiting.delete(call);
        if (error === undefined) resolve();
        else reject(new Error(error));
      };
      this.#waiting.set(call, settle);
      signal.addEventListener('abort', () => settle('interrupted'), { once: true });
      this.send({ call, ...fault });
    });
  }

  over({ call, error }: { readonly call: number; readonly error?: string }): void {
    this.#waiting.get(call)?.(error);
  }
}
