/** For tests that go through the flake: `npm run nix` as a user calls it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '../shares.js';

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run nix -- WORDS` for somebody who stands in `cwd`. */
export function nix(words: readonly string[], cwd: string = projectFolder()): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(projectFolder(), 'vm/nix/nix.mjs'), ...words], {
    encoding: 'utf8',
    env: { ...process.env, INIT_CWD: cwd },
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr };
}

/** The flake of this checkout, for callers that stand elsewhere. */
export const FLAKE: string = projectFolder();
