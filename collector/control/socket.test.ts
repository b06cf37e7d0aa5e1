import { once } from 'node:events';
import fs from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fault, MissingRight, UsageError } from '../errors.js';
import { ask, type Client, type Command, type Control, follow, Stream, serveControl } from './socket.js';

let dir: string;
let path: string;
const controls: Control[] = [];
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-socket-'));
  path = join(dir, 'control.sock');
});
afterEach(async () => {
  await Promise.all(controls.splice(0).map((control) => control.close()));
  fs.rmSync(dir, { recursive: true });
});
async function serve(command: Command): Promise<void> {
  controls.push(await serveControl(path, command));
}
/** Everything that the far end sends until it closes. */
async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (part) => {
    text += String(part);
  });
  await once(socket, 'close');
  return text;
}

describe('the control socket', () => {
  it('answers each line in its turn, to a client that has hung up its end too', async () => {
    const order: string[] = [];
    await serve(async ([word = '', wait = '0']) => {
      await new Promise((resolve) => setTimeout(resolve, Number(wait)));
      order.push(word);
      return word;
    });
    const socket = createConnection(path);
    socket.end('["slow","30"]\n["fast"]\nno json\n{"a":1}\n["last"]\n');
    const lines = (await textOf(socket))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toEqual([
      { ok: 'slow' },
      { ok: 'fast' },
      { error: expect.stringContaining('JSON'), exit: 64 },
      { error: 'expected a JSON array of words', exit: 64 },
      { ok: 'last' },
    ]);
    expect(order).toEqual(['slow', 'fast', 'last']);
  });

  it('is for its owner alone from its first moment, and goes with the daemon', async () => {
    await serve(async () => 1);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await controls.pop()?.close();
    expect(fs.existsSync(path)).toBe(false);
    await expect(ask(path, ['x'])).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves the path alone when it is somebody else by now', async () => {
    await serve(async () => 1);
    fs.renameSync(path, `${path}.old`);
    fs.writeFileSync(path, 'precious');
    await controls.pop()?.close();
    expect(fs.readFileSync(path, 'utf8')).toBe('precious');
  });

  it.each([
    ['what was said wrong', () => new Error('no such word'), UsageError],
    ['a right that is missing', () => new MissingRight('x', 'no such word'), MissingRight],
    ['a fault', () => new Fault('x', 'no such word'), Fault],
  ] as const)('tells %s as such', async (_, error, kind) => {
    await serve(async () => {
      throw error();
    });
    const failure = await ask(path, ['x']).catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).toBe('no such word');
  });

  it('hangs up on a line without an end, and lives on', async () => {
    await serve(async () => 'alive');
    const socket = createConnection(path);
    socket.on('error', () => {});
    const gone = new Promise((resolve) => socket.on('close', resolve));
    const chunk = 'x'.repeat(1 << 18);
    for (let part = 0; part < 8; part++) socket.write(chunk);
    await gone;
    expect(await ask(path, ['x'])).toBe('alive');
  });

  it('gives a fault when the daemon goes without an answer', async () => {
    await serve(() => new Promise(() => {}));
    const answer = ask(path, ['x']).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await controls.pop()?.close();
    expect(await answer).toBeInstanceOf(Fault);
  });
});

describe('a stream', () => {
  it('brings lines of any length behind the answer, until the client has enough; the server is told', async () => {
    let client: Client | undefined;
    let ended = 0;
    await serve(
      async () =>
        new Stream({ hello: 1 }, (far) => {
          client = far;
          far.send('one\ntw');
          far.send(Buffer.from(`o\n${'x'.repeat(3 << 20)}\n`));
          return () => ended++;
        }),
    );
    const enough = new AbortController();
    const lines: number[] = [];
    await follow(
      path,
      ['tail'],
      (line) => {
        lines.push(line.length);
        if (lines.length === 3) enough.abort();
      },
      enough.signal,
    );
    expect(lines).toEqual([3, 3, 3 << 20]);
    while (ended === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(ended).toBe(1);
    // Too late, and no harm.
    client?.send('more\n');
  });

  it('ends when the server does', async () => {
    let ended = 0;
    await serve(async () => new Stream(null, () => () => ended++));
    const following = follow(path, ['tail'], () => {}, new AbortController().signal);
    expect(await ask(path, ['tail'])).toBe(null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await controls.pop()?.close();
    await following;
    expect(ended).toBe(2);
  });

  it('says how much waits for a client that does not read', async () => {
    const far: Client[] = [];
    await serve(
      async () =>
        new Stream(null, (client) => {
          far.push(client);
          return () => {};
        }),
    );
    const socket = createConnection(path);
    socket.write('["tail"]\n');
    await once(socket, 'readable');
    socket.pause();
    for (let part = 0; part < 64; part++) far[0]?.send('x'.repeat(1 << 20));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(far[0]?.waiting).toBeGreaterThan(32 << 20);
    socket.destroy();
  });
});
