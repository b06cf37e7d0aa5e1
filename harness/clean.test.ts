import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leftOvers, oldRuns, type Places, remove } from './clean.js';
import { disown, isOwned, own } from './owner.js';
import { RUN_OF_WORK_DIR } from './work-dir.js';

let root: string;
let places: Places;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'netsoak-clean-'));
  places = { runs: join(root, 'runs'), temporary: join(root, 'tmp'), cache: join(root, 'cache') };
  for (const folder of Object.values(places)) mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true }));

/** A run of the given day of January. */
function run(name: string, day: number): string {
  const folder = join(places.runs, name);
  mkdirSync(join(folder, 'guest'), { recursive: true });
  writeFileSync(join(folder, 'plan.json'), JSON.stringify({ startedAt: `2026-01-${String(day).padStart(2, '0')}T00:00:00Z` }));
  return folder;
}
const HOURS_AGO = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
function old(path: string, hours: number): string {
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) utimesSync(join(path, name), HOURS_AGO(hours), HOURS_AGO(hours));
  utimesSync(path, HOURS_AGO(hours), HOURS_AGO(hours));
  return path;
}
function folder(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}
const paths = (rubbish: readonly { path: string }[]): string[] => rubbish.map(({ path }) => path.slice(root.length + 1)).sort();

describe('cleaning runs', () => {
  it('keeps the newest by when they began, whatever they are called', () => {
    run('z', 1);
    run('a', 3);
    run('m', 2);
    expect(paths(oldRuns(places.runs, 2))).toEqual(['runs/z']);
    expect(paths(oldRuns(places.runs, 0))).toEqual(['runs/a', 'runs/m', 'runs/z']);
    expect(oldRuns(places.runs, 5)).toEqual([]);
  });

  it('never takes one that goes on, and does not count it among those kept', () => {
    own(run('old and running', 1));
    run('newer', 2);
    run('newest', 3);
    expect(paths(oldRuns(places.runs, 1))).toEqual(['runs/newer']);
    expect(paths(oldRuns(places.runs, 0))).toEqual(['runs/newer', 'runs/newest']);
  });

  it('takes one whose harness was killed', async () => {
    const killed = run('killed', 1);
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    own(killed);
    const mark = join(killed, '.owner');
    const ticks = (readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1] ?? '').split(' ')[19];
    writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), pid: child.pid, startTicks: ticks }));
    expect(isOwned(killed)).toBe(true);
    expect(oldRuns(places.runs, 0)).toEqual([]);
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(paths(oldRuns(places.runs, 0))).toEqual(['runs/killed']);
  });

  it('is not deceived by a process id that is used again', () => {
    const killed = run('killed', 1);
    own(killed);
    const mark = join(killed, '.owner');
    writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), startTicks: '1' }));
    expect(isOwned(killed)).toBe(false);
  });

  it('leaves a run alone that another container has under way', () => {
    const theirs = run('theirs', 1);
    own(theirs);
    const mark = join(theirs, '.owner');
    writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), namespace: 'pid:[1]', pid: 1 }));
    writeFileSync(join(theirs, 'series.ndjson'), '');
    expect(oldRuns(places.runs, 0)).toEqual([]);
    old(theirs, 1);
    expect(paths(oldRuns(places.runs, 0))).toEqual(['runs/theirs']);
  });

  it('leaves what is no run, and takes the link to a run that goes', () => {
    const gone = run('gone', 1);
    folder(places.runs, 'bench');
    symlinkSync('gone', join(places.runs, 'latest'));
    const [rubbish, ...more] = oldRuns(places.runs, 0);
    expect([rubbish?.path, more]).toEqual([gone, []]);
    if (rubbish) expect(remove(rubbish)).toBeGreaterThan(10);
    expect(readdirSync(places.runs)).toEqual(['bench']);
  });

  it('keeps the link to a run that stays', () => {
    run('gone', 1);
    run('stays', 2);
    symlinkSync('stays', join(places.runs, 'latest'));
    for (const rubbish of oldRuns(places.runs, 1)) remove(rubbish);
    expect(readlinkSync(join(places.runs, 'latest'))).toBe('stays');
  });
});

describe('cleaning what was left over', () => {
  it('takes work folders whose run was killed, and leaves those in use, young ones and strangers', () => {
    old(folder(places.temporary, 'netsoak-run-killed'), 1);
    own(folder(places.temporary, 'netsoak-run-busy'));
    old(join(places.temporary, 'netsoak-run-busy'), 48);
    folder(places.temporary, 'netsoak-run-young');
    old(folder(places.temporary, 'somebody-else'), 99);
    old(folder(places.temporary, 'netsoak-probe-a'), 25);
    old(folder(places.temporary, 'netsoak-probe-b'), 2);
    expect(paths(leftOvers(places))).toEqual(['tmp/netsoak-probe-a', 'tmp/netsoak-run-killed']);
  });

  it('keeps a work folder that was kept, as long as its run is there', () => {
    const kept = folder(places.temporary, 'netsoak-run-kept');
    disown(kept);
    const its = run('its', 1);
    writeFileSync(join(kept, RUN_OF_WORK_DIR), `${its}\n`);
    old(kept, 99);
    expect(leftOvers(places)).toEqual([]);
    rmSync(its, { recursive: true });
    expect(paths(leftOvers(places))).toEqual(['tmp/netsoak-run-kept']);
  });

  it('takes drafts and older generations out of the cache', () => {
    for (const name of ['guest-kernel-1', 'guest-kernel-2', 'guest-kernel-2.tmp-abc']) old(folder(places.cache, name), 2);
    folder(places.cache, 'guest-kernel-2.tmp-young');
    folder(places.cache, 'nix');
    for (const name of ['accelerator-1.json', 'accelerator-2.json', 'accelerator-2.json.77.tmp']) {
      writeFileSync(join(places.cache, name), '');
      old(join(places.cache, name), 2);
    }
    expect(paths(leftOvers(places))).toEqual([
      'cache/accelerator-1.json',
      'cache/accelerator-2.json.77.tmp',
      'cache/guest-kernel-1',
      'cache/guest-kernel-2.tmp-abc',
    ]);
  });

  it('finds nothing where nothing is', () => {
    for (const place of Object.values(places)) rmSync(place, { recursive: true });
    expect([...oldRuns(places.runs, 0), ...leftOvers(places)]).toEqual([]);
  });
});
