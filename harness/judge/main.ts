/**
 * The judge as a process: `--rows SOCKET --ledger SOCKET --interval SECONDS --format protobufList|jsonl [--lacks COLUMN]...`. Listens on both
 * Unix sockets, says `{"ready":true}`, then takes `{"cmd":"measure","state":"begin"|"end"}`, `{"cmd":"books","places":...}` where rows go
 * through a pipeline, `{"cmd":"began"}` and `{"cmd":"ended","start":N,"killed":...}` when the subject was started and is gone, `{"cmd":"told","books":...}`
 * with what its own books say and `{"cmd":"finish"}` on stdin and writes `{"event":...}` and `{"series":...,"ageSeconds":...,"ofPhase":...}` on stdout, a line
 * each, and `{"beat":N}` once a second: one that hangs would hold up load and subject by their sockets. Runs outside the target, never loads the addon.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { BooksPlaces, DaemonBooks, Keeper } from '../books/keeper.js';
import type { LedgerLine } from '../facts/ledger.js';
import { PROJECT } from '../project.js';
import { DISPENSABLE, type Dispensable } from './columns.js';
import { openStream, ROW_FORMATS, type RowFormat, type RowStream } from './formats.js';
import { RelaySplitter } from './framing.js';
import { Judge, type Output } from './judge.js';
import { loadSchema, RowDecoder } from './row.js';

const USAGE = 'usage: judge --rows SOCKET --ledger SOCKET --interval SECONDS --format protobufList|jsonl [--lacks COLUMN]...';
/** At `finish`, what is still in the sockets is read until it has been quiet for so long, but not for ever. */
const QUIET_MS = 300;
const MOST_MS = 10_000;
/**
 * As long as it goes on the database is waited for, though not for ever: on a busy machine it may be minutes behind. What it has not taken two
 * minutes after it took something last it will not take.
 */
const SETTLE_SECONDS = { still: 120, most: 600 };
const SCHEMA = join(PROJECT, 'collector/netsoak.proto');

type Command =
  | { readonly cmd: 'measure'; readonly state: 'begin' | 'end' }
  | { readonly cmd: 'books'; readonly places: BooksPlaces }
  | { readonly cmd: 'began' }
  | { readonly cmd: 'told'; readonly books: DaemonBooks }
  | { readonly cmd: 'ended'; readonly start: number; readonly killed: boolean }
  | { readonly cmd: 'finish' };

interface Arguments {
  readonly rows: string;
  readonly ledger: string;
  readonly intervalSeconds: number;
  readonly format: RowFormat;
  readonly lacks: readonly Dispensable[];
}

function readArguments(argv: readonly string[]): Arguments | string {
  try {
    const option = { type: 'string' } as const;
    const { values } = parseArgs({
      args: [...argv],
      options: { rows: option, ledger: option, interval: option, format: option, lacks: { type: 'string', multiple: true } },
    });
    const intervalSeconds = Number(values.interval);
    if (!values.rows || !values.ledger || !(intervalSeconds > 0)) return USAGE;
    const format = ROW_FORMATS.find((name) => name === values.format);
    if (!format) return `rows in the format ${values.format} can't be judged; those that can: ${ROW_FORMATS.join(', ')}`;
    const lacks = (values.lacks ?? []).map((name) => DISPENSABLE.find((column) => column === name));
    if (lacks.includes(undefined)) return USAGE;
    return { rows: values.rows, ledger: values.ledger, intervalSeconds, format, lacks: lacks.filter((name) => name !== undefined) };
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}

class Program {
  readonly #judge: Judge;
  readonly #decoder = new RowDecoder(SCHEMA);
  readonly #sockets = new Set<Socket>();
  #heardAt = now();
  #keeper: Keeper | undefined;

  constructor(private readonly o: Arguments) {
    this.#judge = new Judge({
      intervalSeconds: o.intervalSeconds,
      lacks: o.lacks,
      wallNs: () => Date.now() * 1e6,
      output: (output) => {
        this.#keeper?.observe(output);
        write(output);
      },
      torn: (poll, missing) => this.#keeper?.torn(poll, missing),
    });
  }

  async run(): Promise<void> {
    const servers = [
      await listen(this.o.rows, (socket) => this.#readRows(this.#track(socket))),
      await listen(this.o.ledger, (socket) => this.#readLedger(this.#track(socket))),
    ];
    const timer = setInterval(() => this.#judge.tick(now()), Math.min(250, this.o.intervalSeconds * 250));
    process.stdout.write('{"ready":true}\n');
    let beats = 0;
    const beating = setInterval(() => process.stdout.write(`{"beat":${++beats}}\n`), 1000);
    for await (const line of createInterface({ input: process.stdin })) {
      const command = JSON.parse(line) as Command;
      if (command.cmd === 'finish') {
        await this.#finish();
        break;
      }
      await this.#obey(command);
    }
    // Here too when the conductor is gone: nobody is left to tell.
    clearInterval(timer);
    clearInterval(beating);
    await this.#keeper?.end();
    process.stdin.destroy();
    for (const server of servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #obey(command: Exclude<Command, { cmd: 'finish' }>): Promise<void> {
    switch (command.cmd) {
      case 'measure':
        this.#judge.measure(command.state, now());
        if (command.state === 'end') this.#keeper?.measureEnded();
        break;
      case 'began':
        this.#keeper?.began();
        break;
      case 'told':
        this.#keeper?.told(command.books);
        break;
      case 'ended':
        // Where rows go through a pipeline its keeper knows what became of the last ones.
        if (this.#keeper) this.#keeper.ended(command.killed);
        else this.#judge.ended(command.start, command.killed ? 'killed' : 'in order');
        break;
      case 'books':
        this.#keeper = await this.#keepBooks(command.places);
        break;
    }
  }

  async #finish(): Promise<void> {
    await this.#readToTheEnd();
    await this.#keeper?.settle(SETTLE_SECONDS);
    this.#judge.judgeAll(now());
    await this.#keeper?.end();
    this.#keeper = undefined;
    this.#judge.finish(now());
  }

  /** Loaded only here: most runs have no pipeline. */
  async #keepBooks(places: BooksPlaces): Promise<Keeper> {
    const [{ Keeper }, { printInSql, RowPrinter }] = await Promise.all([import('../books/keeper.js'), import('../books/print.js')]);
    const { envelope, row } = loadSchema(SCHEMA, false);
    return new Keeper(places, {
      intervalSeconds: this.o.intervalSeconds,
      judge: this.#judge,
      decoder: this.#decoder,
      printer: new RowPrinter(envelope, row),
      printInSql: printInSql(row),
      output: write,
      now,
    });
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', (error) => write({ event: { kind: 'note', text: `a stream to the judge broke: ${error.message}` } }));
    socket.on('data', () => {
      this.#heardAt = now();
    });
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }

  #readRows(socket: Socket): void {
    const frames = new RelaySplitter();
    const starts = new Map<number, RowStream>();
    const unreadable = new Set<number>();
    const end = (start: number, stream: 'closed' | 'lost'): void => {
      this.#judge.endOfStart(start, unreadable.has(start) ? 0 : (starts.get(start)?.pending ?? 0), stream);
      starts.delete(start);
    };
    const take = (start: number, bytes: Buffer): void => {
      const stream = starts.get(start) ?? openStream(this.o.format, this.#decoder);
      starts.set(start, stream);
      try {
        for (const { polled, closed } of stream.push(bytes)) {
          if (polled.length > 0) this.#judge.rows(start, polled, now());
          if (closed.length > 0) this.#judge.closedRows(start, closed, now());
        }
      } catch (error) {
        unreadable.add(start);
        this.#judge.unreadable(start, (error as Error).message);
      }
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const { start, bytes } of frames.push(chunk)) {
          if (bytes.length === 0) end(start, 'closed');
          else if (!unreadable.has(start)) take(start, bytes);
        }
      } catch (error) {
        harnessError(
          'relay-out-of-step',
          (error as Error).message,
          'a relay was killed in the middle of a frame; rows after that are lost',
        );
        socket.destroy();
      }
    });
    socket.on('close', () => {
      for (const start of [...starts.keys()]) end(start, 'lost');
    });
  }

  #readLedger(socket: Socket): void {
    const lines = createInterface({ input: socket });
    // readline hands the socket's error on as its own; #track has told it.
    lines.on('error', () => {});
    lines.on('line', (line) => {
      try {
        this.#judge.ledger(JSON.parse(line) as LedgerLine, now());
      } catch (error) {
        harnessError(
          'ledger-unreadable',
          `${(error as Error).message}: ${line.slice(0, 200)}`,
          'the load was killed, or is of another version',
        );
      }
    });
  }

  async #readToTheEnd(): Promise<void> {
    const limit = now() + MOST_MS / 1000;
    while (this.#sockets.size > 0 && now() < limit && now() - this.#heardAt < QUIET_MS / 1000) await delay(QUIET_MS / 5);
  }
}

function now(): number {
  return performance.now() / 1000;
}

function write(output: Output): void {
  process.stdout.write(`${JSON.stringify(output)}\n`);
}

function harnessError(code: string, message: string, hint: string): void {
  write({ event: { kind: 'error', owner: 'harness', code, message, hint } });
}

function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onConnection);
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

// The conductor went away: its pipe breaks, stdin ends, and so do we.
process.stdout.on('error', () => process.exit(1));

const parsed = readArguments(process.argv.slice(2));
if (typeof parsed === 'string') {
  process.stderr.write(`${parsed}\n`);
  process.exitCode = 64;
} else {
  try {
    await new Program(parsed).run();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 70;
    process.stdin.destroy();
  }
}
