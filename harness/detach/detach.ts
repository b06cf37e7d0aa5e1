/** `netsoak run --detach`: the same command again as a process of its own session, which whoever attaches to it owns. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT } from '../exit.js';
import { PROJECT } from '../project.js';
import { DETACHED_FOLDER, FOLDER_VARIABLE, logIn, runOf } from './place.js';

/**
 * @param words the command line behind `netsoak`, without --detach
 * @param json the run directory is told as a line of JSON, `{"run":PATH}`, not as plain text; the verdict is `netsoak attach --json`'s to tell
 */
export async function detach(words: readonly string[], json: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), DETACHED_FOLDER));
  const log = openSync(logIn(folder), 'w');
  const child = spawn(process.execPath, [join(PROJECT, 'dist/harness/cli.js'), ...words], {
    // A session of its own: the end of this terminal is not its end.
    detached: true,
    env: { ...process.env, [FOLDER_VARIABLE]: folder },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<number>((done) => child.once('close', (code) => done(code ?? EXIT.infra)));
  for (;;) {
    const code = await Promise.race([exited, delay(50)]);
    const run = runOf(folder);
    if (run !== undefined) {
      child.unref();
      process.stdout.write(`${json ? JSON.stringify({ run }) : run}\n`);
      process.stderr.write(`follow it: netsoak attach ${run}\nit ends by itself when nobody has been attached for ten minutes\n`);
      return EXIT.pass;
    }
    if (code !== undefined) {
      process.stderr.write(readFileSync(logIn(folder), 'utf8'));
      rmSync(folder, { recursive: true });
      return code;
    }
  }
}
