/** Shells as the agent runs them, on real terminals: what they say, in pieces, and that nothing of them stays. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { FromShell } from './protocol.js';
import { Shells } from './shells.js';

let shells: Shells;
let pieces: string[];
let exits: number[];
beforeEach(() => {
  // What the last test's shell still has to say goes to that one's.
  const [itsPieces, itsExits]: [string[], number[]] = [[], []];
  [pieces, exits] = [itsPieces, itsExits];
  shells = new Shells((_, say: FromShell) => {
    if ('exit' in say) itsExits.push(say.exit);
    else itsPieces.push(Buffer.from(say.data, 'base64').toString());
  });
});
afterEach(() => shells.take(1, { close: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const heard = (words: string | RegExp, again?: string): Promise<void> =>
  expect
    .poll(
      () => {
        shells.take(1, { taken: true });
        if (again !== undefined) shells.take(1, { data: base64(again) });
        return pieces.join('');
      },
      { timeout: 20_000 },
    )
    .toMatch(words);

it('runs commands, with both streams as one, and tells their status', async () => {
  shells.take(1, { open: { commands: base64('echo out; echo err >&2; read nothing; exit 7') } });
  await heard('out\nerr\n');
  await expect.poll(() => exits, { timeout: 20_000 }).toEqual([7]);
});

it('says nothing more until the last piece was taken', async () => {
  shells.take(1, { open: { commands: base64('yes') } });
  await expect.poll(() => pieces.length, { timeout: 20_000 }).toBe(1);
  await new Promise((done) => setTimeout(done, 300));
  expect(pieces).toHaveLength(1);
  shells.take(1, { taken: true });
  await expect.poll(() => pieces.length, { timeout: 20_000 }).toBe(2);
});

it('is a terminal of the size that is told, and that changes, with job control, and ends with who left', async () => {
  shells.take(1, { open: { terminal: { rows: 33, columns: 101, term: 'xterm' } } });
  shells.take(1, { data: base64("set -o | grep monitor; sh -c 'echo size $(stty size); exec sleep 1000'\n") });
  await heard(/monitor\s+on[\s\S]*size 33 101/);
  shells.take(1, { data: base64('\x03') });
  shells.take(1, { size: [20, 70] });
  await heard('now 20 70', 'echo now $(stty size)\n');
  shells.take(1, { close: true });
  await expect.poll(() => exits.length, { timeout: 20_000 }).toBe(1);
});
