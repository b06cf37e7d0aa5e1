/** `netsoak bench` from end to end, with real processes, on a small project in which a slowdown is planted. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { thisHost } from './bench/host.js';
import { PlantedProject } from './bench/planted.test-support.js';
import type { HistoryEntry } from './bench/store.js';
import { type BenchFlags, benchCommand } from './bench-command.js';

let project: PlantedProject;
let out: string;
let err: string;

beforeAll(() => {
  project = new PlantedProject();
});
afterAll(() => project.remove());
beforeEach(() => {
  [out, err] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const bench = (flags: Partial<BenchFlags>, place = project): Promise<number> =>
  benchCommand({ samples: '10', json: true, ...flags }, place);

interface Judged {
  readonly judgement: { readonly rows: readonly { name: string; metric: string; verdict: string; shift: { estimate: number } | null }[] };
}

const called = (...verdicts: string[]): string[] => {
  const { judgement } = JSON.parse(out) as Judged;
  return [...new Set(judgement.rows.filter(({ verdict }) => verdicts.includes(verdict)).map(({ name }) => name))];
};

test('identical code: no row is called different, and the noise of the machine is stored', async () => {
  expect(await bench({ aa: true })).toBe(0);
  expect(called('regression', 'improvement')).toEqual([]);
  const noise = readdirSync(join(project.folder, 'noise'));
  expect(noise).toHaveLength(1);
  expect(Object.keys(JSON.parse(readFileSync(join(project.folder, 'noise', noise[0] ?? ''), 'utf8')).rows)).toHaveLength(6);
});

test('a slowdown that is planted is found, in that row alone, and is not taken for noise', async () => {
  const noise = () => readdirSync(join(project.folder, 'noise')).map((file) => readFileSync(join(project.folder, 'noise', file), 'utf8'));
  const before = noise();
  expect(await bench({ aa: true, plant: 'COLOURS: blue' })).toBe(1);
  expect(called('regression')).toEqual(['blue']);
  expect(called('improvement')).toEqual([]);
  expect(err).toMatch(/regressions?: work\/colours: blue/);
  expect(noise()).toEqual(before);
});

test('a slowdown of ten percent in one row is a regression of that row alone, with a report; its cure is an improvement', async () => {
  project.turns({ red: 50, green: 55, blue: 50 });
  expect(await bench({ against: 'HEAD' })).toBe(1);
  expect(called('regression')).toEqual(['green']);
  expect(called('improvement')).toEqual([]);
  const { judgement } = JSON.parse(out) as Judged;
  for (const row of judgement.rows.filter(({ verdict }) => verdict === 'regression')) expect(row.shift?.estimate).toBeCloseTo(0.1, 1);
  const report = /^report {2}(.*\.html)$/m.exec(err)?.[1] ?? '';
  expect(readFileSync(report, 'utf8')).toContain('REGRESSION');
  expect(readFileSync(report.replace(/html$/, 'md'), 'utf8')).toMatch(/\*\*REGRESSION\*\*: work\/colours: green/);

  project.commit();
  project.turns({ red: 50, green: 50, blue: 50 });
  out = '';
  expect(await bench({ against: 'HEAD' })).toBe(0);
  expect(called('improvement')).toEqual(['green']);
});

test('a revision that was built leaves no worktree and no folder behind', () => {
  expect(project.git('worktree', 'list').trim().split('\n')).toHaveLength(1);
  expect(existsSync(join(project.folder, 'trees')) ? readdirSync(join(project.folder, 'trees')) : []).toEqual([]);
});

test('a baseline keeps its figures and refuses other rows, unless asked to be lenient', async () => {
  expect(await bench({ save: 'main', filter: 'red', samples: '6' })).toBe(0);
  out = '';
  await expect(bench({ baseline: 'main', samples: '6' })).rejects.toMatchObject({ owner: 'user', code: 'other-rows' });
  expect(await bench({ baseline: 'main', lenient: true, samples: '6' })).toBe(0);
  expect(new Set((JSON.parse(out) as Judged).judgement.rows.map(({ name }) => name))).toEqual(new Set(['red']));
  expect(err).toContain('different times');
});

test('measurements make a history that only grows, and from ten on its picture marks the commit that changed the level', async () => {
  const other = new PlantedProject();
  try {
    const history = (): string => readFileSync(join(other.folder, 'history.ndjson'), 'utf8');
    let stored = '';
    for (let run = 0; run < 9; run++) {
      if (run === 5) {
        other.turns({ red: 100, green: 50, blue: 50 });
        other.commit();
      }
      expect(await bench({ filter: 'red', samples: '6' }, other)).toBe(0);
      expect(history().startsWith(stored)).toBe(true);
      stored = history();
    }
    const report = async (flags: Partial<BenchFlags>): Promise<string> => {
      err = '';
      await bench({ filter: 'red', samples: '6', ...flags }, other);
      return readFileSync(/^report {2}(.*\.html)$/m.exec(err)?.[1] ?? '', 'utf8');
    };
    // Asked for the noise, it adds nothing: nine are too few for a mark.
    const nine = await report({ aa: true });
    expect(nine).toContain('9 measurements, last');
    expect(nine).not.toContain('trend-change"');
    const ten = await report({ against: 'HEAD' });
    const changed = other.git('rev-parse', '--short=12', 'HEAD').trim();
    expect(ten).toMatch(new RegExp(`class="trend-change".*since ${changed}`));
    const entries = history()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as HistoryEntry);
    expect(entries.map(({ revision }) => revision === changed)).toEqual([...Array(5).fill(false), ...Array(5).fill(true)]);
    expect(new Set(entries.map(({ host }) => JSON.stringify(host)))).toEqual(new Set([JSON.stringify(thisHost())]));
  } finally {
    other.remove();
  }
});

test('a row that fails is told with its reason, and the result is unknown', async () => {
  project.turns({ red: 50, green: 50, blue: null });
  expect(await bench({ samples: '6' })).toBe(2);
  expect(err).toContain('FAILED: work/colours: blue: Error: blue is out of order');
  expect((JSON.parse(out) as { rows: { name: string }[] }).rows.map(({ name }) => name)).toEqual(['red', 'green']);
});

test('an interrupt ends it within seconds, with nothing stored and no process left', async () => {
  const stored = (): string[] => (existsSync(project.folder) ? readdirSync(project.folder, { recursive: true, encoding: 'utf8' }) : []);
  const before = stored();
  const running = bench({ samples: '50' });
  await vi.waitFor(() => expect(samplers()).not.toHaveLength(0), { timeout: 20_000, interval: 20 });
  process.emit('SIGINT');
  expect(await running).toBe(2);
  expect(err).toContain('interrupted');
  await vi.waitFor(() => expect(samplers()).toEqual([]), { timeout: 5000 });
  expect(stored()).toEqual(before);
});

/** Sampler processes that this test started. */
function samplers(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter(
      (pid) => pid && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bench/sampler.js'),
    );
}

test.each([
  [{ aa: true, against: 'HEAD' }, 'two-questions'],
  [{ samples: '5' }, 'bad-samples'],
  [{ samples: 'ten' }, 'bad-samples'],
  [{ lenient: true }, 'bad-lenient'],
  [{ plant: 'blue' }, 'bad-plant'],
  [{ aa: true, plant: 'colours' }, 'no-row-to-plant-in'],
  [{ against: 'no-such-branch' }, 'no-revision'],
  [{ filter: 'purple' }, 'no-benchmark'],
  [{ baseline: 'mian' }, 'no-baseline'],
] as const)('%j is refused before anything is measured', async (flags, code) => {
  await expect(bench(flags)).rejects.toMatchObject({ owner: 'user', code });
});
