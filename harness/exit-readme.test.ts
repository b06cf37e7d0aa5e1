import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EXIT_TABLE } from './exit.js';
import { PROJECT } from './project.js';

it('README quotes the exit codes as they are', () => {
  const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');
  const section = readme.split('## Exit codes')[1]?.split('\n## ')[0] ?? '';
  const rows = [...section.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [Number(code), meaning]);
  expect(rows).toEqual(EXIT_TABLE.map((row) => [...row]));
});
