/** Our terminal, tied to one that is elsewhere. */
import { execFileSync } from 'node:child_process';

/** ^], as telnet has it: the way out when the other side answers nothing any more. */
const ESCAPE = 0x1d;

export interface FarTerminal {
  type(bytes: Buffer): void;
  resize(rows: number, columns: number): void;
  /** ^] was typed. */
  leave(): void;
}

/** Ties the two, and tells the size at once; returns what gives our terminal back. */
export function converse(far: FarTerminal): () => void {
  const tellSize = (): void => far.resize(process.stdout.rows, process.stdout.columns);
  const typed = (chunk: Buffer): void => {
    if (chunk.includes(ESCAPE)) far.leave();
    else far.type(chunk);
  };
  const ours = stty('-g').trim();
  const giveBack = (): void => {
    try {
      stty(ours);
    } catch {
      // The terminal has hung up; there is nothing to give back.
    }
  };
  stty('raw', '-echo');
  process.once('exit', giveBack);
  process.stdin.on('data', typed);
  process.stdout.on('resize', tellSize);
  tellSize();
  return () => {
    process.off('exit', giveBack);
    giveBack();
    process.stdin.off('data', typed);
    process.stdin.pause();
    process.stdout.off('resize', tellSize);
  };
}

/** Node's own raw mode still turns each line feed into two characters (libuv, UV_TTY_MODE_RAW), which a program that draws does not expect. */
function stty(...words: readonly string[]): string {
  return execFileSync('stty', words, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' });
}
