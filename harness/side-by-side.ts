/** Several stored runs on one page, a column each. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { renderSideBySide, sideBySideMarkdown } from '../reports/side-by-side.js';
import { judgeRun, loadRun } from './verdict/load-run.js';

/** Derives the runs again and writes the page, and its tables as Markdown beside it. Returns the page's path and those tables. */
export function writeSideBySide(directories: readonly string[], page: string): { readonly path: string; readonly markdown: string } {
  const runs = directories.map((directory) => {
    const run = loadRun(directory);
    return { ...run, verdict: judgeRun(run) };
  });
  const markdown = sideBySideMarkdown(runs);
  mkdirSync(dirname(page), { recursive: true });
  writeFileSync(page, renderSideBySide(runs));
  writeFileSync(`${page.replace(/\.html$/, '')}.md`, markdown);
  return { path: page, markdown };
}
