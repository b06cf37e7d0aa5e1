import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fill } from './placeholders.js';
import { DEFAULT_SUBJECT, loadSubject, rootedAt } from './subject.js';

const folder = mkdtempSync(join(tmpdir(), 'netsoak-subject-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('a subject description', () => {
  it('ships for netsoakd', () => expect(loadSubject(DEFAULT_SUBJECT).name).toBe('netsoakd'));

  it.each(['netsoakd', 'reference', 'xtcp2'])('ships for %s, with placeholders that a run fills', (name) => {
    const { command, ready, metrics } = loadSubject(join(dirname(DEFAULT_SUBJECT), `${name}.json`));
    const known = { node: 'node', project: '/p', metricsPort: 9, rowsSocket: '/run/rows', pollInterval: 1, flushRows: 100 };
    for (const text of [...command, ready, metrics.url]) expect(fill(text, known)).not.toMatch(/[{}]/);
  });

  it('comes out of another checkout', () => {
    const moved = rootedAt(loadSubject(DEFAULT_SUBJECT), '/elsewhere');
    expect(moved.command).toContain('/elsewhere/dist/collector/main.js');
    expect(JSON.stringify(moved)).not.toContain('{project}');
  });

  it('extends another and overrides its keys, environment by environment variable', () => {
    const base = file('base.json', JSON.stringify({ ...loadSubject(DEFAULT_SUBJECT), environment: { A: '1', B: '2' } }));
    const child = loadSubject(file('child.yaml', `extends: ${base}\nname: other\nenvironment:\n  B: "3"\n`));
    expect(child.name).toBe('other');
    expect(child.environment).toEqual({ A: '1', B: '3' });
    expect(child.command).toEqual(loadSubject(DEFAULT_SUBJECT).command);
  });

  it('tells of how many processes it is made, but not where another file puts a program around it', () => {
    expect(loadSubject(DEFAULT_SUBJECT).processes).toBe(1);
    const wrapped = `extends: ${DEFAULT_SUBJECT}\ncommand: [wrapper, netsoakd]\n`;
    expect(loadSubject(file('wrapped.yaml', wrapped)).processes).toBeUndefined();
    expect(loadSubject(file('two.yaml', `${wrapped}processes: 2\n`)).processes).toBe(2);
  });

  it.each([
    ['no such file', '/nowhere/subject.json', 'does not exist'],
    ['a key that nobody knows', file('typo.yaml', `extends: ${DEFAULT_SUBJECT}\nnam: x\n`), 'nam'],
    ['a list', file('list.yaml', '- a\n'), 'mapping'],
    ['neither JSON nor YAML', file('broken.yaml', '{ a: [ }'), 'neither JSON nor YAML'],
    ['a format that nobody reads', file('csv.yaml', `extends: ${DEFAULT_SUBJECT}\nrows: { from: stdout, format: csv }\n`), 'rows.format'],
    [
      'a column that there is not',
      file('lacks.yaml', `extends: ${DEFAULT_SUBJECT}\nrows: { from: stdout, format: jsonl, lacks: [pollid] }\n`),
      'rows.lacks.0',
    ],
    ['a circle', file('circle.yaml', `extends: ${join(folder, 'circle.yaml')}\n`), 'circle'],
  ])('refuses %s with a sentence', (_, path, words) => expect(() => loadSubject(path)).toThrow(words));
});

describe('placeholders', () => {
  it('are filled', () => expect(fill('--metrics=127.0.0.1:{port}', { port: 9 })).toBe('--metrics=127.0.0.1:9'));
  it('must all be known', () => expect(() => fill('{prot}', { port: 9 })).toThrow('{prot}'));
});
