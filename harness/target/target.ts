/** What the conductor needs of a target: a place to run the agent in, that tells when it ended and why. */
export interface TargetExit {
  /** Whether the target ended as it should after the agent's `bye`; only asked when nothing else is known. */
  readonly orderly: boolean;
  /** One sentence for people: `the guest kernel panicked: ...`. */
  readonly sentence: string;
}

/** A machine that can be held from outside. */
export interface Machine {
  /** Stops all of its CPUs, and its clock with them. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  isRunning(): Promise<boolean>;
  /** Stops its CPUs and says where they stand and what its console said last. Never rejects. */
  whereabouts(): Promise<string>;
  /** Writes its memory to a file (kdump, compressed); it stands still meanwhile. */
  dump(file: string): Promise<void>;
}

export interface Target {
  /** When it was powered on, or its init started: `performance.now()`. */
  readonly poweredOnAt: number;
  /** Absent where the target is a part of this machine. */
  readonly machine?: Machine;
  readonly pid: number;
  readonly exited: Promise<TargetExit>;
  /** Ends it at once. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Unix sockets on which the conductor and the judge listen. */
export interface TargetSockets {
  readonly control: string;
  readonly rows: string;
  readonly ledger: string;
}
