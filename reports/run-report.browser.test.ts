/** The report in a real browser: it must draw, stay silent, ask nobody for anything, and be readable without any script. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cutAt, healthyRun, longRun, redRun } from '../harness/verdict/fake-run.test-support.js';
import { judgeRun, type StoredRun } from '../harness/verdict/load-run.js';
import { launchBrowser } from './browser.test-support.js';
import { renderRunReport } from './run-report.js';

let browser: Browser;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-report-'));
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

interface Opened {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

async function open(run: StoredRun, options: BrowserContextOptions = {}, prepare?: (page: Page) => Promise<void>): Promise<Opened> {
  const file = join(folder, 'report.html');
  writeFileSync(file, renderRunReport({ ...run, verdict: judgeRun(run) }));
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  const address = pathToFileURL(file).href;
  page.on('request', (request) => {
    if (request.url() !== address && !request.url().startsWith('data:')) requests.push(request.url());
  });
  await prepare?.(page);
  await page.goto(address);
  if (options.javaScriptEnabled !== false) await page.waitForSelector('html[data-live]', { timeout: 30_000 });
  return { page, complaints, requests };
}

/** Evaluated in the page, so as text: this program has no types of a browser. */
const INKED = `(() => {
  const canvas = document.querySelector('canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value !== 0).length;
})()`;
const SPANS = `[...document.querySelectorAll('.live')].map((place) => Number(place.dataset.span))`;
const PAPER = `getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b) / 3`;
const WIDTHS = `[document.documentElement.scrollWidth, document.documentElement.clientWidth]`;

test.each([
  ['a green run', healthyRun()],
  ['a red run', redRun()],
  ['a run of two seconds', cutAt(healthyRun({ durationSeconds: 2 }), 12)],
  ['a run without series', { ...healthyRun(), series: [] }],
] as const)('%s is drawn without a complaint and without a request', async (_name, run) => {
  const { page, complaints, requests } = await open(run);
  const pictures = await page.locator('svg.static').count();
  expect(await page.locator('.live canvas').count()).toBe(pictures);
  if (pictures > 0) expect(await page.evaluate<number>(INKED)).toBeGreaterThan(200);
  expect(await page.locator('svg.static:visible').count()).toBe(0);
  expect({ complaints, requests }).toEqual({ complaints: [], requests: [] });
  await page.close();
});

test('without JavaScript everything is there to be read', async () => {
  const { page, complaints } = await open(redRun(), { javaScriptEnabled: false });
  const text = await page.locator('body').textContent();
  for (const words of [
    'FAIL',
    'threads 14 → 208, crosses the ceiling of 16 at 24 s',
    'ended by SIGSEGV',
    '10.0.9.2',
    'netsoak run namespace-churn',
  ]) {
    expect(text).toContain(words);
  }
  expect(await page.locator('svg.static:visible').count()).toBeGreaterThan(8);
  expect(complaints).toEqual([]);
  await page.close();
});

test('one cursor and one zoom over all pictures, from the keyboard', async () => {
  const { page } = await open(redRun());
  const when = (): Promise<string[]> => page.locator('.when').allInnerTexts();
  await page.locator('.live').first().focus();
  await page.keyboard.press('End');
  const [last] = await when();
  expect(last).toMatch(/^at \d+ s$/);
  await page.keyboard.press('Shift+ArrowLeft');
  expect((await when())[0]).not.toBe(last);
  expect((await when()).filter((text) => text === '')).toEqual([]);
  const axis = (): Promise<number[]> => page.evaluate<number[]>(SPANS);
  const whole = await axis();
  await page.keyboard.press('+');
  const zoomed = await axis();
  expect(zoomed.every((span, i) => span < (whole[i] ?? 0) && span === zoomed[0])).toBe(true);
  await page.keyboard.press('0');
  expect(await axis()).toEqual(whole);
  await page.close();
});

test('follows the reader into the dark, also while open', async () => {
  const { page } = await open(healthyRun(), { colorScheme: 'dark' });
  const paper = (): Promise<number> => page.evaluate<number>(PAPER);
  expect(await paper()).toBeLessThan(60);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await paper()).toBeGreaterThan(200);
  await page.close();
});

test('is printed from the drawn pictures, not from screen pixels', async () => {
  const { page } = await open(redRun());
  await page.emulateMedia({ media: 'print' });
  expect(await page.locator('.live:visible').count()).toBe(0);
  expect(await page.locator('svg.static:visible').count()).toBeGreaterThan(8);
  await page.close();
});

test('fits a narrow screen: nothing but tables scrolls sideways', async () => {
  const { page } = await open(redRun(), { viewport: { width: 390, height: 800 } });
  const [content, screen] = await page.evaluate<number[]>(WIDTHS);
  expect(content).toBeLessThanOrEqual(screen ?? 0);
  await page.close();
});

test('twelve hours are drawn by less than a second of work', async () => {
  let session: CDPSession | undefined;
  const { page, complaints } = await open(longRun(), {}, async (blank) => {
    session = await blank.context().newCDPSession(blank);
    // Time of the page's own thread: what other programs take of the machine does not count.
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  });
  const { metrics } = (await session?.send('Performance.getMetrics')) ?? { metrics: [] };
  const seconds = metrics.find(({ name }) => name === 'ThreadTime')?.value;
  expect(seconds).toBeGreaterThan(0.02);
  expect(seconds).toBeLessThan(1);
  expect(await page.locator('.live canvas').count()).toBeGreaterThan(10);
  expect(complaints).toEqual([]);
  await page.close();
});
