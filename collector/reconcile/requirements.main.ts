/**
 * Maps every requirement to the tests that name it, by a scan of the test files' text, and lists those that none names. Exits 1 if there is
 * one. It says which test claims a number; whether that test passes is the test run's to say.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { REQUIREMENTS } from './requirements.js';

/** Root of the repository: two folders up from the sources, three from dist/. */
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, path.basename(path.resolve(here, '../..')) === 'dist' ? '../../..' : '../..');

/** Titles of a file's tests. */
export function titles(text: string): string[] {
  return [...text.matchAll(/\b(?:it|test)(?:\.each\([\s\S]*?\]\s*(?:as const)?\s*\))?\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*)\1/g)].map(
    (match) => match[2] as string,
  );
}

/** Requirement numbers that a title names. */
export function named(title: string): string[] {
  return title.match(/\b(?:TC|RT|IF|NL|RM)-\d+\b/g) ?? [];
}

export function scan(folders: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const folder of folders) {
    for (const name of readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.test.ts')) continue;
      const file = path.join(folder, name);
      for (const title of titles(readFileSync(path.join(root, file), 'utf8'))) {
        for (const number of named(title)) found.set(number, [...(found.get(number) ?? []), `${file}: ${title}`]);
      }
    }
  }
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = scan(['collector/reconcile', 'native/rtnl']);
  const missing = Object.keys(REQUIREMENTS).filter((number) => !found.has(number));
  for (const [number, sentence] of Object.entries(REQUIREMENTS)) {
    process.stdout.write(`${number} ${sentence}\n${(found.get(number) ?? ['no test']).map((test) => `    ${test}\n`).join('')}`);
  }
  const unknown = [...found.keys()].filter((number) => !(number in REQUIREMENTS));
  if (unknown.length > 0) process.stdout.write(`named by tests, but no requirement: ${unknown.join(', ')}\n`);
  process.stdout.write(
    `${Object.keys(REQUIREMENTS).length - missing.length} of ${Object.keys(REQUIREMENTS).length} named by a test; missing: ${missing.join(', ') || 'none'}\n`,
  );
  process.exitCode = missing.length > 0 || unknown.length > 0 ? 1 : 0;
}
