/** Comparisons in a real browser: they must draw, stay silent and ask nobody for anything, without any script. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fakeEvaluation } from '../harness/evaluate/fake.test-support.js';
import { healthyRun, redRun } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../harness/verdict/load-run.js';
import { launchBrowser } from './browser.test-support.js';
import { fakeComparison, fakeHistory } from './compare.test-support.js';
import { renderBenchComparison } from './compare-bench.js';
import { type ComparedRun, renderRunComparison } from './compare-runs.js';
import { renderEvaluation } from './evaluation.js';

let browser: Browser;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-compare-'));
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

const judged = (run: StoredRun): ComparedRun => ({ ...run, verdict: judgeRun(run) });
/** Marks that are drawn and seen: of the intervals, or of the lines of runs. */
const DRAWN = `[...document.querySelectorAll('.forest .dot, .static .line')].filter((mark) => { const box = mark.getBoundingClientRect(); return box.width + box.height > 0; }).length`;
const WIDTHS = `[document.documentElement.scrollWidth, document.documentElement.clientWidth]`;

test.each([
  ['a regression among twenty rows', renderBenchComparison(fakeComparison({ 3: 1.12, 11: 0.8 }), fakeHistory()), 20],
  ['two runs', renderRunComparison(judged(healthyRun()), judged(redRun())), 20],
  ['an evaluation', renderEvaluation(fakeEvaluation({ few: [1, 2], many: [1, 0.5] })), 2],
] as const)('%s: draws, says nothing to the console, asks nobody, fits a phone', async (_, content, least) => {
  const file = join(folder, 'comparison.html');
  writeFileSync(file, content);
  const page = await browser.newPage();
  const heard: string[] = [];
  page.on('console', (message) => heard.push(message.text()));
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href && !request.url().startsWith('data:')) heard.push(request.url());
  });
  await page.goto(pathToFileURL(file).href);
  expect(await page.evaluate(DRAWN)).toBeGreaterThanOrEqual(least);
  await page.setViewportSize({ width: 390, height: 800 });
  const [needed, there] = (await page.evaluate(WIDTHS)) as [number, number];
  expect(needed).toBeLessThanOrEqual(there);
  expect(heard).toEqual([]);
  await page.close();
});
