import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fill } from './placeholders.js';
import { DEFAULT_SUBJECT, loadSubject } from './subject.js';

const folder = mkdtempSync(join(tmpdir(), 'netsoak-subject-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('a subject description', () => {
  it('ships for netsoakd', () => expect(loadSubject(DEFAULT_SUBJECT).name).toBe('netsoakd'));

  it('extends another and overrides its keys, environment by environment variable', () => {
    const base = file('base.json', JSON.stringify({ ...loadSubject(DEFAULT_SUBJECT), environment: { A: '1', B: '2' } }));
    const child = loadSubject(file('child.yaml', `extends: ${base}\nname: other\nenvironment:\n  B: "3"\n`));
    expect(child.name).toBe('other');
    expect(child.environment).toEqual({ A: '1', B: '3' });
    expect(child.command).toEqual(loadSubject(DEFAULT_SUBJECT).command);
  });

  it.each([
    ['no such file', '/nowhere/subject.json', 'does not exist'],
    ['a key that nobody knows', file('typo.yaml', `extends: ${DEFAULT_SUBJECT}\nnam: x\n`), 'nam'],
    ['a list', file('list.yaml', '- a\n'), 'mapping'],
    ['neither JSON nor YAML', file('broken.yaml', '{ a: [ }'), 'neither JSON nor YAML'],
    ['a circle', file('circle.yaml', `extends: ${join(folder, 'circle.yaml')}\n`), 'circle'],
  ])('refuses %s with a sentence', (_, path, words) => expect(() => loadSubject(path)).toThrow(words));
});

describe('placeholders', () => {
  it('are filled', () => expect(fill('--metrics=127.0.0.1:{port}', { port: 9 })).toBe('--metrics=127.0.0.1:9'));
  it('must all be known', () => expect(() => fill('{prot}', { port: 9 })).toThrow('{prot}'));
});
