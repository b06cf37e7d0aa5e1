/** What of the flake takes minutes: a soak, its checks, and the hashes for both systems computed anew. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FLAKE, nix } from './testing.js';

it('soaks in a guest of the closure, and leaves the report where its caller stands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'netsoak-stand-'));
  try {
    const { status, stderr } = nix(['run', `${FLAKE}#soak`, '--', '--duration', '20s', '--seed', '4'], folder);
    expect(stderr).toContain('PASS');
    expect(status).toBe(0);
    const run = join(folder, 'reports/runs/latest');
    expect(JSON.parse(readFileSync(join(run, 'verdict.json'), 'utf8'))).toMatchObject({ verdict: 'pass', target: 'vm', seed: 4 });
    expect(existsSync(join(run, 'report.html'))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('passes its own checks', () => {
  const { status, stderr } = nix(['flake', 'check', '--print-build-logs', FLAKE]);
  expect(status, stderr.split('\n').slice(-40).join('\n')).toBe(0);
});

it('expects of npm what npm gives, on both systems', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(FLAKE, 'vm/nix/hash.mjs'), '--check'], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
});
