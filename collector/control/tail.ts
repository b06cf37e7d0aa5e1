/**
 * Rows as they come, for those who watch (`netsoakd tail`). Each watcher has a bounded queue of bytes: one that does not keep up loses
 * rows, is told how many, and they are counted. Nothing here waits for a watcher, so none can delay a poll or an export.
 */
import { type LineReader, lineReader, type RowFormat } from '../../native/index.js';
import { type Client, Stream } from './socket.js';

/** What may wait for one watcher: about 4,000 rows. */
const QUEUE_BYTES = 16 << 20;
/** Rendering takes time on the JS thread for each of them. */
const MOST_WATCHERS = 8;

interface Watcher {
  readonly client: Client;
  readonly read: LineReader;
  /** Rows lost since the last that it got. */
  lost: number;
}

export interface TailCounts {
  readonly watchers: number;
  /** Rows handed to watchers. */
  readonly sent: number;
  /** Rows that watchers were too slow for. */
  readonly lost: number;
}

export class Tail {
  private readonly watchers = new Set<Watcher>();
  private sent = 0;
  private lost = 0;

  constructor(
    /** Of the envelopes. */
    private readonly format: RowFormat,
    private readonly queueBytes = QUEUE_BYTES,
  ) {}

  get counts(): TailCounts {
    return { watchers: this.watchers.size, sent: this.sent, lost: this.lost };
  }

  /** @throws FilterError; Error when there are too many watchers already */
  open(filter: string): Stream {
    const read = lineReader(this.format, filter);
    if (this.watchers.size >= MOST_WATCHERS) throw new Error(`${MOST_WATCHERS} watch already, which is the most`);
    return new Stream({ tail: filter }, (client) => {
      const watcher: Watcher = { client, read, lost: 0 };
      this.watchers.add(watcher);
      return () => this.watchers.delete(watcher);
    });
  }

  /** An envelope (or the record of a poll, which is nobody's row) that has just been read; its bytes are not kept. */
  show(envelope: Uint8Array): void {
    for (const watcher of this.watchers) this.showTo(watcher, watcher.read(envelope));
  }

  private showTo(watcher: Watcher, { text, rows }: { readonly text: Buffer; readonly rows: number }): void {
    if (rows === 0) return;
    const { client } = watcher;
    // An envelope is less than the queue: somebody who takes everything at once loses nothing.
    if (client.waiting > 0 && client.waiting + text.length > this.queueBytes) {
      watcher.lost += rows;
      this.lost += rows;
      return;
    }
    if (watcher.lost > 0) client.send(`${JSON.stringify({ kind: 'lost', rows: watcher.lost })}\n`);
    watcher.lost = 0;
    client.send(text);
    this.sent += rows;
  }
}
