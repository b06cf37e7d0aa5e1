/**
 * The control socket of the daemon: one JSON array of words a line in, one JSON object a line out (`{"ok": ...}` or
 * `{"error": "...", "exit": 64}`, with the exit code of a command that failed so). After the `ok` of a {@link Stream} its connection carries lines until either end closes. Only the owner of the socket file may connect.
 */
import { lstat, rename, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { CollectorError, EXIT, errnoOf, Fault, MissingRight, reasonOf, UsageError } from '../errors.js';

export interface Control {
  close(): Promise<void>;
}

/** The far end of a stream. */
export interface Client {
  /** Hands lines over; never waits. */
  send(lines: string | Buffer): void;
  /** Bytes handed over and not yet taken by the far end. */
  readonly waiting: number;
}

/** What a command resolves to when it has more to say than one answer. */
export class Stream {
  /** @param start called behind the answer; returns what is to be done when the connection has ended */
  constructor(
    readonly answer: unknown,
    readonly start: (client: Client) => () => void,
  ) {}
}

export type Command = (words: readonly string[]) => Promise<unknown>;

const LONGEST_LINE = 1 << 20;
const MOST_CLIENTS = 64;

/** @throws UsageError when the path can't be had (another daemon listens there, no directory), MissingRight when it may not */
export async function serveControl(path: string, command: Command): Promise<Control> {
  await clear(path);
  const open = new Set<Socket>();
  // Half open: a client that has said all it has to say still wants the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    converse(socket, command);
  });
  server.maxConnections = MOST_CLIENTS;
  // libuv removes the name that a socket was bound to when it closes, whoever's it is by then: let that be a name of the past.
  await bind(server, path, `${path}~`);
  const own = await lstat(path);
  return {
    async close() {
      for (const socket of open) socket.destroy();
      const mine = await lstat(path).then(
        ({ ino }) => ino === own.ino,
        () => false,
      );
      await new Promise<void>((resolve) => server.close(() => resolve()));
      if (mine) await rm(path, { force: true });
    },
  };
}

/** Removes what an earlier life left behind, and nothing else. */
async function clear(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  const hint = 'name another one with --control-socket';
  if (!found.isSocket()) throw new UsageError('control-socket', `${path} is there already and is no socket`, hint);
  const lives = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path, () => resolve(true)).once('error', (error) => resolve(errnoOf(error) === 'EAGAIN'));
    socket.once('close', () => socket.destroy());
    socket.end();
  });
  if (lives) throw new UsageError('control-socket', `another process listens on ${path}`, hint);
  await rm(path, { force: true });
}

async function bind(server: Server, path: string, draft: string): Promise<void> {
  await rm(draft, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const sentence = `cannot listen on ${path}: ${reasonOf(error)}`;
      reject(errnoOf(error) === 'EACCES' ? new MissingRight('control-socket', sentence) : new UsageError('control-socket', sentence));
    });
    // The socket is made within the call: at no moment may others connect.
    const before = process.umask(0o177);
    server.listen(draft, resolve);
    process.umask(before);
  });
  await rename(draft, path);
}

function converse(socket: Socket, command: Command): void {
  let answers: Promise<unknown> = Promise.resolve();
  let streaming = false;
  const say = (text: string | Buffer) => {
    if (socket.writable) socket.write(text);
  };
  // A watcher keeps its end open for as long as it watches: nothing else tells one that has gone while there is nothing to send.
  socket.on('end', () => void answers.then(() => socket.end()));
  socket.on('error', () => socket.destroy());
  eachLine(socket, LONGEST_LINE, (line) => {
    // One after another: what is said behind a stream is not heard.
    answers = answers.then(async () => {
      if (streaming) return;
      const said = await heed(line, command);
      if (!(said instanceof Stream)) return say(said);
      streaming = true;
      say(`${JSON.stringify({ ok: said.answer })}\n`);
      const end = said.start({
        send: say,
        get waiting() {
          return socket.writableLength;
        },
      });
      if (socket.destroyed) end();
      else socket.once('close', end);
    });
  });
}

/** Calls with each whole line. A peer that sends more than `longest` without one is cut off. (readline throws the socket's errors once more.) */
function eachLine(socket: Socket, longest: number, take: (line: string) => void): void {
  let rest: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = chunk.split('\n');
    const last = lines.pop() ?? '';
    for (const line of lines) {
      take(rest.join('') + line);
      rest = [];
      length = 0;
    }
    rest.push(last);
    length += last.length;
    if (length > longest) socket.destroy();
  });
}

async function heed(line: string, command: Command): Promise<string | Stream> {
  try {
    const words: unknown = JSON.parse(line);
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw new Error('expected a JSON array of words');
    const said = await command(words);
    return said instanceof Stream ? said : `${JSON.stringify({ ok: said ?? null })}\n`;
  } catch (error) {
    return `${JSON.stringify({ error: error instanceof Error ? error.message : String(error), exit: exitOf(error) })}\n`;
  }
}

/** What the kernel refused is nobody's usage; a sentence of a command is for the one who asked. */
function exitOf(error: unknown): number {
  if (error instanceof CollectorError) return error.exitCode;
  return error instanceof Error && error.name !== 'NetlinkError' ? EXIT.usage : EXIT.fault;
}

function refusal({ error, exit }: Reply): CollectorError {
  const sentence = error ?? '';
  if (exit === EXIT.right) return new MissingRight('control', sentence);
  return exit === EXIT.fault ? new Fault('control', sentence) : new UsageError('control', sentence);
}

interface Reply {
  readonly ok?: unknown;
  readonly error?: string;
  readonly exit?: number;
}

/** Says one command to a running daemon. @throws CollectorError with the daemon's sentence, Error with an errno in `code` when nobody listens */
export async function ask(path: string, words: readonly string[]): Promise<unknown> {
  return (await converseWith(path, words)).answer;
}

/**
 * Says a command that streams, and hands its lines over as they come.
 * @param signal ends it
 * @returns when either end has closed
 * @throws as {@link ask}
 */
export async function follow(
  path: string,
  words: readonly string[],
  take: (line: string, socket: Socket) => void,
  signal: AbortSignal,
): Promise<void> {
  const { ended } = await converseWith(path, words, { take, signal });
  await ended;
}

function converseWith(
  path: string,
  words: readonly string[],
  stream?: { readonly take: (line: string, socket: Socket) => void; readonly signal: AbortSignal },
): Promise<{ readonly answer: unknown; readonly ended: Promise<void> }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const ended = new Promise<void>((end) => socket.once('close', () => end()));
    socket.once('error', reject);
    socket.write(`${JSON.stringify(words)}\n`);
    let answered = false;
    eachLine(socket, Number.POSITIVE_INFINITY, (line) => {
      if (answered) {
        stream?.take(line, socket);
        return;
      }
      answered = true;
      const reply = JSON.parse(line) as Reply;
      if (reply.error !== undefined) {
        socket.destroy();
        reject(refusal(reply));
        return;
      }
      if (stream === undefined) socket.destroy();
      else if (stream.signal.aborted) socket.destroy();
      else stream.signal.addEventListener('abort', () => socket.destroy(), { once: true });
      resolve({ answer: reply.ok, ended });
    });
    socket.once('close', () => reject(new Fault('control', 'the daemon hung up without an answer', '', 'infra')));
  });
}
