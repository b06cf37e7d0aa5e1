import { expect, test } from 'vitest';
import { cutAt, fakePlan, healthyRun, longRun, redRun, withEvents, withSeries } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../harness/verdict/load-run.js';
import { renderRunReport } from './run-report.js';

const render = (run: StoredRun): string => renderRunReport({ ...run, verdict: judgeRun(run) });
/** What a reader sees: without head, scripts and tags. */
const textOf = (page: string): string =>
  page
    .replace(/^.*<body>/s, '')
    .replace(/<script.*?<\/script>|<symbol.*?<\/symbol>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

test('the same facts give the same bytes', () => {
  expect(render(redRun())).toBe(render(redRun()));
});

test('the first line is verdict, scenario, done of planned, seed and why', () => {
  expect(textOf(render(redRun())).trim()).toMatch(
    /^FAIL namespace-churn 60 s of 60 s seed 7 .{0,60} threads 14 → 208, crosses the ceiling of 16 at 24 s/,
  );
});

test('chips come failed first, then what must have happened, then the pictures', () => {
  const page = textOf(render(redRun()));
  const at = (words: string): number => page.indexOf(words);
  expect(at('threads violated')).toBeGreaterThan(0);
  expect(at('threads violated')).toBeLessThan(at('no-duplicates 0 in all'));
  expect(at('no-duplicates 0 in all')).toBeLessThan(at('What must have happened'));
  expect(at('churn events 1,210 of 600')).toBeLessThan(at('Threads of the subject'));
  expect(at('Threads of the subject')).toBeLessThan(at('File descriptors of the subject'));
});

test('offences show what was expected beside what was observed', () => {
  const page = render(redRun());
  expect(page).toContain('<td class="differs">10.0.7.2</td>');
  expect(page).toContain('<td class="differs">10.0.9.2</td>');
  expect(page).toContain('<td class="">8080</td>');
  expect(textOf(page)).toContain('addresses 12 stored');
});

test('the subject is shown with its ends, its last words and its threads by name', () => {
  const page = textOf(render(redRun()));
  expect(page).toMatch(/2 starts; 1 end that nobody ordered.*ended by SIGSEGV.*no.*FATAL: reader 3/);
  expect(page).toMatch(/Threads when threads was violated.*ns-reader skb_wait_for_more_packets 9/);
  expect(page).toMatch(/Open files.*socket 23.*evidence\/1-threads-fds\.txt/);
});

test('words of the subject stay words', () => {
  const evil = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>\u0000\u001b[31m';
  const plan = fakePlan({ story: evil, replay: evil, scenario: evil, provenance: { [evil]: evil } });
  const base = healthyRun();
  const run = withEvents(
    { ...base, plan, series: base.series.map(({ at, v }) => ({ at, v: { ...v, [evil]: 1 } })) },
    { at: 30, kind: 'offence', invariant: evil, detail: evil, poll: evil, expected: { [evil]: evil }, observed: { a: evil } },
    { at: 31, kind: 'error', owner: 'product', code: evil, message: evil, hint: evil },
    { at: 32, kind: 'mark', name: evil, state: 'begin' },
    { at: 33, kind: 'fault', name: evil, state: 'inject', detail: evil },
    { at: 34, kind: 'subject-exit', start: 1, pid: 1, code: null, signal: evil, ordered: false, lastWords: evil },
    { at: 35, kind: 'step', name: evil, state: 'fail', error: evil },
    { at: 36, kind: 'evidence', invariant: evil, data: { threads: [{ name: evil, wchan: evil }, null] } },
    { at: 37, kind: 'note', text: evil },
  );
  const page = render(run);
  expect(page.match(/<script/g)).toHaveLength(2);
  expect(page).not.toContain('<img');
  expect([page.includes('\u0000'), page.includes('\u001b')]).toEqual([false, false]);
  expect(textOf(page)).toContain('&lt;/script&gt;');
});

test('the content policy names the hashes of the very scripts and styles in it, and no host', () => {
  const page = render(healthyRun());
  const policy = page.match(/Content-Security-Policy" content="([^"]*)"/)?.[1] ?? '';
  expect(policy).toMatch(
    /^default-src 'none'; img-src data:; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'$/,
  );
  expect(page).not.toMatch(/ style="| on\w+="|<link [^>]*stylesheet|@import|url\((?!data:)/);
});

test.each([
  ['of two seconds', cutAt(healthyRun({ durationSeconds: 2 }), 12)],
  ['that died at once', { ...healthyRun(), events: [], series: [] }],
  ['without any series', { ...healthyRun(), series: [] }],
  [
    'whose series know nothing',
    withSeries({ ...healthyRun(), series: healthyRun().series.map(({ at }) => ({ at, v: { 'subject.threads': null } })) }, 'x', () => 0),
  ],
  ['of one sample', { ...healthyRun(), series: healthyRun().series.slice(0, 1) }],
  ['with figures beyond all measure', withSeries(healthyRun(), 'subject.fds', () => 1e300)],
  ['below zero', withSeries(healthyRun(), 'subject.fds', (v) => -v)],
] as const)('a run %s has a report', (_name, run) => {
  const page = render(run as StoredRun);
  const written = page.replace(/<script>.*<\/script>/s, '').replace(/<script.*?<\/script>/s, '');
  expect(written.match(/NaN|undefined|Infinity|null/g)).toBeNull();
  expect(textOf(page)).toContain('netsoak run namespace-churn');
});

test('a boot that failed has a report with the cure', () => {
  const run = {
    ...healthyRun(),
    series: [],
    events: [{ at: 60, kind: 'error', owner: 'infra', code: 'boot', message: 'no boot within 60 s', hint: 'look at console.log' }],
  } as StoredRun;
  const text = textOf(render(run));
  expect(text.trim()).toMatch(/^INFRA namespace-churn 0 s of 60 s/);
  expect(text).toContain('look at console.log');
  expect(text).toContain('No series was sampled in this run');
});

test('12 h with all series, 20 fault windows and 1,000 events stay under 300 kB', () => {
  const run = longRun();
  expect(run.events.length).toBeGreaterThanOrEqual(1000);
  const page = render(run);
  expect(Buffer.byteLength(page)).toBeLessThan(300_000);
  expect(page.match(/<rect class="fault" x=/g)?.length).toBe(20 * (page.match(/<svg class="static"/g)?.length ?? 0));
  expect(textOf(page)).toMatch(/\d+ more in events\.ndjson/);
});

test('a series that nobody has heard of gets a picture when an invariant names it, and a small one when none does', () => {
  const plan = fakePlan({ invariants: [{ name: 'queue', type: 'ceiling', series: 'spool.bytesWaiting', max: 5, why: 'x' }] });
  const run = {
    ...healthyRun(),
    plan,
    series: healthyRun().series.map(({ at, v }) => ({ at, v: { ...v, 'spool.bytesWaiting': 1, 'spool.files': 2 } })),
  };
  const page = render(run);
  expect(page).toContain('<h3>spool.bytesWaiting</h3>');
  expect(page).toMatch(/<figure class="spark"><figcaption>spool\.files<\/figcaption>/);
});
