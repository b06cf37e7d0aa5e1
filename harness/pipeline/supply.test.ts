import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { differentJar } from './supply.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netsoak-jars-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const listed = (name: string, content: string) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;

describe('the jars of the broker', () => {
  const list = listed('a.jar', 'a') + listed('b.jar', 'b');

  it.each<[string, Record<string, string>, string | undefined]>([
    ['are what the list says', { 'a.jar': 'a', 'b.jar': 'b' }, undefined],
    ['are refused when one is missing', { 'a.jar': 'a' }, 'b.jar is missing'],
    ['are refused when one is another file', { 'a.jar': 'a', 'b.jar': 'c' }, 'b.jar'],
    ['are refused when there is one more', { 'a.jar': 'a', 'b.jar': 'b', 'c.jar': '' }, 'c.jar'],
  ])('%s', (_, files, wrong) => {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    expect(differentJar(folder, list)).toBe(wrong);
  });
});
