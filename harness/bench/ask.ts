/** Starts a sampler, gives it its order, and makes sure that nothing of it stays behind. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from '../project.js';
import type { Answer, Held, Order } from './sampler.js';

/** The compiled one, also when this file runs from source in a test. Both sides of a comparison are sampled by the same. */
const SAMPLER = join(PROJECT, 'dist/harness/bench/sampler.js');
const LIMIT_MS = 120_000;

/**
 * @param padding bytes added to the environment. The start of the stack depends on the environment's size, and speed on the start of
 *   the stack by several percent (Mytkowicz and others, "Producing wrong data without doing anything obviously wrong", ASPLOS
 *   2009): it varies from round to round and is the same for both sides of a pair.
 * @param turn awaited whenever the sampler rests; it goes on when that resolves
 * @param env besides ours
 */
export async function ask(
  order: Order,
  padding: number,
  signal: AbortSignal,
  turn: () => Promise<void> = async () => {},
  env: NodeJS.ProcessEnv = {},
): Promise<Answer> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, ['--expose-gc', '--no-warnings', SAMPLER], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...env, NODE_OPTIONS: '', NETSOAK_BENCH_PADDING: 'x'.repeat(padding) },
    // A group of its own, so that its children can be ended with it, and ^C reaches the driver alone.
    detached: true,
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-2000);
  });
  return new Promise<Answer>((resolve, reject) => {
    let answer: Answer | undefined;
    let hard: NodeJS.Timeout | undefined;
    /** We answer for the turn that was asked for: whoever starts us may not be told that we are done before it is ours. */
    let turning: Promise<void> = Promise.resolve();
    const killGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    };
    const end = (): void => {
      if (child.connected) child.disconnect();
      // Time for a benchmark to stop its program; the sampler exits by itself within two seconds.
      hard ??= setTimeout(killGroup, 3000);
    };
    let limit: NodeJS.Timeout | undefined;
    const work = (): void => {
      limit = setTimeout(() => {
        answer = { kind: 'failed', message: `no answer within ${LIMIT_MS / 1000} s` };
        end();
      }, LIMIT_MS);
    };
    const rest = async (): Promise<void> => {
      clearTimeout(limit);
      await turn();
      if (!child.connected) return;
      work();
      child.send('go', () => {});
    };
    work();
    signal.addEventListener('abort', end, { once: true });
    child.on('message', (message: Answer | Held) => {
      if (message.kind === 'held') turning = rest();
      else answer = message;
    });
    const finish = (how: string): void => {
      clearTimeout(limit);
      clearTimeout(hard);
      signal.removeEventListener('abort', end);
      const why = `the sampler ${how}${stderr ? `: ${stderr.trim().split('\n').at(-1)}` : ''}`;
      turning.then(() => (signal.aborted ? reject(signal.reason) : resolve(answer ?? { kind: 'failed', message: why })), reject);
    };
    child.once('error', (error) => finish(error.message));
    const over = (code: number | null, killedBy: string | null): void => {
      if (!answer || hard) killGroup();
      finish(killedBy ? `was ended by ${killedBy}` : `ended with status ${code}`);
    };
    // An answer may arrive after `exit`, so it is `close` that counts; but that never comes once we have disconnected (Node 20).
    child.once('close', over);
    child.once('exit', (code, killedBy) => {
      if (hard) over(code, killedBy);
    });
    child.send(order, () => {});
  });
}
