import { describe, expect, test } from 'vitest';
import { healthyRun, redRun } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../harness/verdict/load-run.js';
import { fakeComparison, fakeHistory } from './compare.test-support.js';
import { benchComparisonMarkdown, renderBenchComparison } from './compare-bench.js';
import { type ComparedRun, renderRunComparison, runComparisonMarkdown } from './compare-runs.js';

const judged = (run: StoredRun): ComparedRun => ({ ...run, verdict: judgeRun(run) });
const headline = (page: string): string => /<h1>(.*?)<\/h1>/s.exec(page)?.[1] ?? '';

describe('two measurements', () => {
  const page = renderBenchComparison(fakeComparison({ 3: 1.12, 11: 0.8 }), fakeHistory());

  test('the first line names the regression, its size, and that it was confirmed', () => {
    expect(headline(page)).toMatch(/^native\/decode: row 3, time per row: 1[12]\.\d % slower, confirmed by a second measurement\.$/);
    expect(page).toContain('<header class="verdict fail">');
  });

  test('rows that do not differ are folded, those that do are not', () => {
    const [open, folded] = [page.slice(page.indexOf('Rows that differ'), page.indexOf('<details>')), page.slice(page.indexOf('<details>'))];
    expect(open).toContain('row 3, time per row');
    expect(open).toContain('row 11, time per row');
    expect(open).not.toContain('row 4,');
    expect(folded).toContain('row 4, time per row');
  });

  test('the history marks where the level changed', () => {
    expect(page).toMatch(/\+2[45]\.\d % since rev7/);
  });

  test('the same facts give the same bytes, and names from outside stay text', () => {
    expect(renderBenchComparison(fakeComparison({ 3: 1.12, 11: 0.8 }), fakeHistory())).toBe(page);
    expect(page).not.toContain('<b>: row');
    expect(page).not.toMatch(/(?:src|href)="https?:/);
  });

  test('nothing differs: said with the change that would have been seen', () => {
    expect(headline(renderBenchComparison(fakeComparison({}), []))).toMatch(/^None of 20 rows differs .* would have shown a change of 5 %/);
  });

  test('an unconfirmed difference is not called a regression', () => {
    const unconfirmed = renderBenchComparison(fakeComparison({ 3: 1.12 }, false), []);
    expect(unconfirmed).toContain('UNCONFIRMED');
    expect(unconfirmed).toContain('<header class="verdict unknown">');
  });

  test('Markdown: the regression in a table, the others folded, no cell broken by a bar in a name', () => {
    const text = benchComparisonMarkdown(fakeComparison({ 3: 1.12 }));
    expect(text).toMatch(/^\*\*REGRESSION\*\*: native\/decode: row 3/);
    expect(text).toContain('<details><summary>19 rows do not differ</summary>');
    const cells = text.split('\n').filter((line) => line.startsWith('| '));
    for (const line of cells) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(8);
  });
});

describe('two runs', () => {
  const [healthy, red] = [judged(healthyRun()), judged(redRun())];
  const page = renderRunComparison(healthy, red);

  test('the first line says which is worse and what changed', () => {
    expect(page).toContain('>WORSE<');
    expect(headline(page)).toMatch(/^A pass, B fail: .*threads: pass → fail/);
    expect(renderRunComparison(red, healthy)).toContain('>BETTER<');
  });

  test('every series of either run is drawn once, both lines in one picture', () => {
    const pictures = page.split('<figure class="picture">').slice(1);
    const threads = pictures.filter((picture) => picture.includes('<h3>Threads of the subject'));
    expect(threads).toHaveLength(1);
    expect(threads[0]).toContain('class="line k0"');
    expect(threads[0]).toContain('class="line k1"');
  });

  test('series that are zero in both are named, not drawn', () => {
    const calm = renderRunComparison(healthy, healthy);
    expect(calm).toContain('series that are zero in both runs throughout');
    expect(calm).not.toContain('<h3>Rows that are wrong: missing');
    expect(page).toContain('<h3>Rows that are wrong: missing');
  });

  test('what makes the comparison unfair is said', () => {
    expect(page).not.toContain('not the same');
    expect(renderRunComparison(healthy, judged(healthyRun({ seed: 8, target: 'host' })))).toMatch(
      /not the same target.*not the same seed: A 7, B 8/s,
    );
  });

  test('a run that was never measured is compared without its series', () => {
    const cut = healthyRun();
    const early = judged({ ...cut, events: cut.events.filter(({ at }) => at < 5), series: cut.series.filter(({ at }) => at < 5) });
    expect(renderRunComparison(healthy, early)).toContain('>unknown<');
  });

  test('Markdown holds one line an invariant', () => {
    const text = runComparisonMarkdown(healthy, red);
    expect(text.split('\n').filter((line) => /^\| threads \|/.test(line))).toHaveLength(1);
  });
});
