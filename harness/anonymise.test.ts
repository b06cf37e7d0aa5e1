import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Anonymiser } from './anonymise.js';
import { anonymise } from './anonymise-run.js';
import { PROJECT } from './project.js';
import { runsBelow } from './runs.js';
import { fakePlan, redRun, withEvents } from './verdict/fake-run.test-support.js';
import { judgeRun, loadRun, type StoredRun } from './verdict/load-run.js';

const make = (): Anonymiser =>
  new Anonymiser({
    hosts: ['build7'],
    users: ['mallory'],
    folders: [
      ['/srv/code/netsoak', '/project'],
      ['/home/mallory', '/home-1'],
    ],
  });

describe('text without names', () => {
  it.each([
    ['on build7, by mallory', 'on host-1, by user-1'],
    ['build7.lab.example.org and BUILD7', 'host-1 and host-1'],
    ['mallory_tests of rebuild7s', 'user-1_tests of rebuild7s'],
    ['/srv/code/netsoak/dist/x.js in /srv/code/netsoak-2', '/project/dist/x.js in /path-1'],
    ['/home/mallory/.nvm/node and ~/notes.txt', '/home-1/.nvm/node and /path-1.txt'],
    ['open /opt/secret/a.conf: no; /opt/secret/a.conf', 'open /path-1.conf: no; /path-1.conf'],
    ['-I/opt/x PATH=/opt/a:/opt/b file:///opt/c "/opt/d"', '-I/path-1 PATH=/path-2:/path-3 file:///path-4 "/path-5"'],
    ['/usr/lib/x and /proc/self/stat and rows/poll 1/4', '/usr/lib/x and /proc/self/stat and rows/poll 1/4'],
    ['10.1.2.3:80 to 10.1.2.4, again 10.1.2.3.', 'ipv4-1:80 to ipv4-2, again ipv4-1.'],
    ['fd00::12 and FD00::12, [2001:db8::1]:80', 'ipv6-1 and ipv6-1, [ipv6-2]:80'],
    ['127.0.0.1:9090 ::1 0.0.0.0 :: [::1]', '127.0.0.1:9090 ::1 0.0.0.0 :: [::1]'],
    ['at 20:11:17, kernel 6.1.0-56-amd64, std::string', 'at 20:11:17, kernel 6.1.0-56-amd64, std::string'],
    ['ether 52:54:00:aa:bb:cc', 'ether mac-1'],
    ['http://u:p@db.corp.example:8123/x and db.corp.example:9092', 'http://host-2:8123/x and host-2:9092'],
    ['http://127.0.0.1:{metricsPort}/metrics', 'http://127.0.0.1:{metricsPort}/metrics'],
    ['at harness/plan.ts:12', 'at harness/plan.ts:12'],
  ])('%s', (before, after) => expect(make().text(before)).toBe(after));

  it('has the same stand-in for the same name everywhere', () => {
    const anonymiser = make();
    expect([anonymiser.text('10.0.0.1'), anonymiser.text('10.0.0.2'), anonymiser.text('10.0.0.1')]).toEqual(['ipv4-1', 'ipv4-2', 'ipv4-1']);
  });

  it('leaves alone what the code tells things apart by', () => {
    const strange = new Anonymiser({ hosts: ['vm'], users: ['fail'], folders: [] });
    expect(strange.value({ kind: 'fail', text: 'fail on vm', list: ['vm'] }, new Set(['kind']))).toEqual({
      kind: 'fail',
      text: 'user-1 on host-1',
      list: ['host-1'],
    });
  });
});

describe('an anonymised copy of a run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netsoak-anonymise-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const ORIGINALS = [
    ...[PROJECT, '/home/ann.bee', 'ann.bee', '/Users/carol', 'carol', '/opt/acme/bin', 'broker.acme.example'],
    ...['build7', 'mallory', '/srv/people/mallory'],
    ...['10.20.30.40', '2001:db8:77::5', '52:54:00:12:34:56'],
  ];
  const NAMES = { hosts: ['build7.lab.example', 'build7'], users: ['mallory'], homes: ['/srv/people/mallory'] };
  const words = `seen ${ORIGINALS.join(' , ')} and http://broker.acme.example:80/x`;

  /** A run that names the originals wherever words may stand. */
  function telltale(): StoredRun {
    const run = redRun();
    const plan = {
      ...run.plan,
      story: words,
      acceleratorReason: words,
      scaled: [words],
      settings: { ...run.plan.settings, note: words },
      invariants: run.plan.invariants.map((i) => ({ ...i, why: words })),
      required: run.plan.required.map((r) => ({ ...r, why: words })),
      subject: { ...run.plan.subject, name: words, file: `${PROJECT}/x.json`, command: [words] },
      provenance: { cpu: words },
      replay: words,
    };
    const all = { detail: words, hint: words };
    return withEvents(
      { ...run, plan },
      { at: 12, kind: 'note', text: words },
      { at: 13, kind: 'error', owner: 'product', code: 'x', message: words, hint: words },
      { at: 14, kind: 'offence', invariant: 'addresses', ...all, expected: { src: '10.20.30.40' }, observed: { src: '2001:db8:77::5' } },
      { at: 15, kind: 'evidence', invariant: 'threads', data: { threads: [{ name: words, wchan: words }] } },
      { at: 16, kind: 'subject-exit', start: 1, pid: 5, code: 1, signal: null, ordered: false, lastWords: words },
      { at: 17, kind: 'fault', name: words, state: 'inject', ...all },
      { at: 18, kind: 'step', name: words, state: 'fail', error: words },
    );
  }

  function keep(name: string, { plan, events, series }: StoredRun): string {
    const directory = join(folder, name);
    const lines = (facts: readonly object[]): string => facts.map((fact) => `${JSON.stringify(fact)}\n`).join('');
    mkdirSync(join(directory, 'guest'), { recursive: true });
    writeFileSync(join(directory, 'plan.json'), JSON.stringify(plan));
    writeFileSync(join(directory, 'events.ndjson'), lines(events));
    writeFileSync(join(directory, 'series.ndjson'), lines(series));
    writeFileSync(join(directory, 'console.log'), words);
    writeFileSync(join(directory, 'guest/heap.snapshot'), words);
    return directory;
  }

  /** Text of every file below, by path; what a report packs is unpacked. */
  function textsBelow(directory: string): [path: string, text: string][] {
    return readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => {
        const path = join(entry.parentPath, entry.name);
        const text = readFileSync(path, 'utf8');
        const packed = /id="run-data">"([^"]*)"</.exec(text)?.[1];
        return [[path, text] as [string, string], ...(packed ? [[`${path} (data)`, unpack(packed)] as [string, string]] : [])];
      });
  }
  const unpack = (base64: string): string => gunzipSync(Buffer.from(base64, 'base64')).toString('utf8');
  const leaks = (directory: string): string[] =>
    textsBelow(directory).flatMap(([path, text]) => ORIGINALS.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`));

  it('holds none of the originals in any file, and the same verdict', () => {
    const directory = keep('run', telltale());
    const out = join(folder, 'out');
    const { report, left } = anonymise(directory, [directory], out, NAMES);
    expect(readFileSync(report, 'utf8')).toContain('host-2');
    expect(textsBelow(out).map(([path]) => path)).toContain(`${report} (data)`);
    expect(leaks(out)).toEqual([]);
    expect(leaks(directory)).not.toEqual([]);
    expect(left).toEqual(['guest']);
    const [before, after] = [directory, out].map((place) => judgeRun(loadRun(place)));
    expect(after?.invariants.map(({ name, verdict }) => [name, verdict])).toEqual(
      before?.invariants.map(({ name, verdict }) => [name, verdict]),
    );
    expect(after?.verdict).toBe(before?.verdict);
  });

  it('can be made of many runs at once, is made anew the next time, and is no run more', () => {
    const runs = [keep('a', telltale()), keep('b', { ...telltale(), plan: fakePlan({ id: 'b' }) })];
    for (const _ of [1, 2]) {
      anonymise(folder, runs, join(folder, 'anonymised'), NAMES);
      expect(leaks(join(folder, 'anonymised'))).toEqual([]);
    }
    expect(runsBelow(folder)).toEqual(runs);
    expect(runsBelow(join(folder, 'anonymised'))).toHaveLength(2);
  });

  it('never overwrites what is not such a copy', () => {
    const directory = keep('run', telltale());
    expect(() => anonymise(directory, [directory], directory)).toThrow('exists and is no anonymised copy');
  });
});
