/**
 * QEMU's machine protocol (docs/interop/qmp-spec.txt): JSON objects, one a line. QEMU greets, we ask for
 * capabilities, then commands are answered in order and events come in between.
 */
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

type Message =
  | { readonly QMP: unknown }
  | ({ readonly timestamp: unknown } & QmpEvent)
  | { readonly return: unknown }
  | { readonly error: { readonly class: string; readonly desc: string } };

export class Qmp {
  readonly #stream: Duplex;
  readonly #waiting: { done: (value: unknown) => void; failed: (error: Error) => void }[] = [];
  #closed = false;

  /** Resolves of itself once QEMU has greeted and accepts commands; rejects when it ends before that. */
  readonly ready: Promise<void>;

  constructor(stream: Duplex, onEvent: (event: QmpEvent) => void) {
    this.#stream = stream;
    let greet: () => void = () => {};
    let refuse: (error: Error) => void = () => {};
    const greeting = new Promise<void>((done, failed) => {
      greet = done;
      refuse = failed;
    });
    this.ready = greeting.then(async () => void (await this.execute('qmp_capabilities')));
    // Whoever boots looks at QEMU's exit first; nobody may be waiting for this one.
    this.ready.catch(() => {});
    const lines = createInterface({ input: stream });
    // A QEMU that dies with words of ours unread resets the connection; readline repeats the error as its own and then
    // never closes. 'close' of the stream comes in any case.
    stream.on('error', () => {});
    lines.on('error', () => {});
    lines.on('line', (line) => {
      const message = JSON.parse(line) as Message;
      if ('QMP' in message) greet();
      else if ('event' in message) onEvent(message);
      else if ('error' in message) this.#waiting.shift()?.failed(new Error(message.error.desc));
      else this.#waiting.shift()?.done(message.return);
    });
    stream.once('close', () => {
      this.#closed = true;
      const error = new Error('QEMU is gone');
      refuse(error);
      for (const { failed } of this.#waiting.splice(0)) failed(error);
    });
  }

  /** Sends a command; resolves with what QEMU returns, rejects with its sentence. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(new Error('QEMU is gone'));
    return new Promise((done, failed) => {
      this.#waiting.push({ done, failed });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }
}
