/**
 * The last rows of closed sockets, of every namespace from the discovery that finds it. Keeps the listener told which namespaces there are, and looks for new ones as soon as
 * it hears of a namespace that nobody knows (it keeps such rows for two seconds).
 */
import type { DestroyCounters, DestroyListener, DestroyListenerEvents, Envelope, NamespaceList } from '../native/index.js';
import type { Log } from './log.js';
import type { Discovery } from './namespaces.js';

export interface ClosedParts {
  readonly open: (events: DestroyListenerEvents) => Promise<DestroyListener>;
  readonly find: () => Promise<Discovery>;
  readonly push: (envelope: Envelope) => void;
  /** It ended by itself. */
  readonly failed: (error: unknown) => void;
  readonly log: Log;
  /** Least time from one look for namespaces to the next, when closed sockets alone ask for it. Default 1 s: half of what the rows wait. */
  readonly leastMs?: number;
}

export class ClosedRows {
  private listener: DestroyListener | undefined;
  private look: NodeJS.Timeout | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private closing = false;

  private constructor(private readonly parts: ClosedParts) {}

  /** Listens to every namespace there is when this resolves. @throws as `open` and `find` do */
  static async open(parts: ClosedParts): Promise<ClosedRows> {
    const closed = new ClosedRows(parts);
    closed.listener = await parts.open({
      envelope: parts.push,
      unknownNamespace: () => closed.lookSoon(),
      failed: parts.failed,
    });
    await closed.lookNow();
    return closed;
  }

  counters(): DestroyCounters {
    return (this.listener as DestroyListener).counters();
  }

  /** What a discovery found, whoever asked for it. Returns at once. */
  announce(namespaces: NamespaceList): void {
    void this.follow(namespaces);
  }

  /** Hands on what was heard, then ends. */
  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.look);
    await this.listener?.close();
  }

  /** However many sockets call for it, one look stands for all of them. */
  private lookSoon(): void {
    if (this.closing || this.look !== undefined) return;
    const wait = this.lookedAt + (this.parts.leastMs ?? 1_000) - performance.now();
    this.look = setTimeout(
      () => {
        this.look = undefined;
        this.lookNow().catch((error: unknown) => this.parts.failed(error));
      },
      Math.max(0, wait),
    );
  }

  private async lookNow(): Promise<void> {
    this.lookedAt = performance.now();
    const { namespaces } = await this.parts.find();
    await this.follow(namespaces);
  }

  private async follow(namespaces: NamespaceList): Promise<void> {
    if (this.closing || this.listener === undefined) return;
    // A listener that has ended says so by `failed`, or was closed meanwhile.
    const failures = await this.listener.announce(namespaces).catch(() => []);
    for (const { index, step, errno } of failures) {
      const { name, path } = namespaces.at(index) ?? { name: '', path: '' };
      this.parts.log('warn', `closed sockets of a namespace will not be heard: ${step} failed`, { name, path, errno });
    }
  }
}
