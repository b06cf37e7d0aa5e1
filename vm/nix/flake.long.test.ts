/**
 * The flake, through Debian's nix, offline. nixpkgs is replaced by the stand-in beside this file, so what is proved
 * is our own part: outputs, arguments, exit codes. Store and state are in a temporary folder.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const here = dirname(fileURLToPath(import.meta.url));
const project = join(here, '../..');
let work: string;
let flake: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'netsoak-flake-'));
  // Alone in a folder, so that nix copies one file to its store and not a checkout with its node_modules.
  flake = join(work, 'flake');
  mkdirSync(flake);
  copyFileSync(join(project, 'flake.nix'), join(flake, 'flake.nix'));
});

afterAll(() => {
  // nix makes what is in its store read-only, folders too.
  makeWritable(work);
  rmSync(work, { recursive: true });
});

describe('the flake', () => {
  it('offers its apps on both systems', () => {
    const { status, stdout, stderr } = nix(['flake', 'show', '--json', `path:${flake}`]);
    expect(stderr, stderr).not.toContain('error:');
    expect(status).toBe(0);
    const shown = JSON.parse(stdout) as { apps: Record<string, Record<string, { type: string }>> };
    const apps = Object.entries(shown.apps).map(([system, of]) => [system, Object.keys(of).sort()]);
    expect(apps).toEqual([
      ['aarch64-linux', ['default', 'soak']],
      ['x86_64-linux', ['default', 'soak']],
    ]);
  });

  it('evaluates for the system that this machine is not', () => {
    const { status, stdout, stderr } = nix(['eval', '--raw', `path:${flake}#apps.aarch64-linux.soak.program`]);
    expect(stderr, stderr).not.toContain('error:');
    expect([status, stdout]).toEqual([0, expect.stringMatching(/-netsoak-soak\/bin\/netsoak-soak$/)]);
  });

  it.each([
    ['soak', 'banana'],
    ['default', 'cherry'],
  ])('hands arguments of %s on to netsoak run and its exit code back', (app, word) => {
    const { status, stderr } = nix(['run', `path:${flake}#${app}`], ['--duration', word], project);
    expect(stderr).toContain(`--duration ${word}: not a duration`);
    expect(status).toBe(64);
  });

  it('says so where there is no checkout', () => {
    const { status, stderr } = nix(['run', `path:${flake}#soak`], [], work);
    expect(stderr).toContain('this is not a checkout of netsoak');
    expect(status).toBe(64);
  });
});

/** Runs nix with the stand-in and a store of its own. */
function nix(command: readonly string[], appArguments: readonly string[] = [], cwd: string = work) {
  const settings = { 'experimental-features': 'nix-command flakes', sandbox: 'false', substituters: '', 'build-users-group': '' };
  const options = Object.entries(settings).flatMap(([name, value]) => ['--option', name, value]);
  const overrides = ['--offline', '--no-write-lock-file', '--override-input', 'nixpkgs', `path:${join(here, 'stand-in')}`];
  const end = appArguments.length > 0 ? ['--', ...appArguments] : [];
  return spawnSync('nix', [...options, ...command, ...overrides, ...end], {
    cwd,
    encoding: 'utf8',
    env: {
      ...process.env,
      HOME: work,
      XDG_CACHE_HOME: join(work, 'cache'),
      NIX_STORE_DIR: join(work, 'store'),
      NIX_STATE_DIR: join(work, 'state'),
      NIX_LOG_DIR: join(work, 'log'),
      NIX_CONF_DIR: join(work, 'conf'),
    },
  });
}

function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(folder, entry.name));
  }
}
