/** The frame of a comparison: one HTML file without script, in the look of a run report, that asks the network for nothing. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../harness/project.js';
import { type Html, html } from './html.js';

const STYLE = ['run.css', 'compare.css'].map((file) => readFileSync(join(PROJECT, 'reports/page', file), 'utf8').trim()).join('\n');

/**
 * @param tone which verdict's colour the first line has
 * @param word the first word: `REGRESSION`
 * @param facts what stands beside it
 */
export function comparePage(
  tone: 'pass' | 'fail' | 'unknown',
  word: string,
  facts: readonly string[],
  sentence: string,
  body: Html,
  foot: string,
): string {
  const style = createHash('sha256').update(STYLE).digest('base64');
  const content = html`<header class="verdict ${tone}"><div>
<p class="what"><span class="word">${word}</span> ${facts.map((fact) => html`<span>${fact}</span> `)}</p>
<h1>${sentence}</h1>
</div></header>
<main>
${body}
</main>
<footer>${foot}</footer>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
${html`<title>${word}: ${sentence}</title>`.text}
<style>${STYLE}</style>
</head>
<body>
${content.text}
</body>
</html>
`;
}

export function notes(warnings: readonly string[]): Html | false {
  if (warnings.length === 0) return false;
  return html`<ul class="notes" aria-label="Also noted">${[...new Set(warnings)].map((warning) => html`<li>${warning}</li>`)}</ul>`;
}

/** Key and value, in two columns a row. */
export function facts(pairs: readonly (readonly [key: string, value: string])[]): Html {
  return html`<dl class="facts">${pairs.map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>\n`)}</dl>`;
}
