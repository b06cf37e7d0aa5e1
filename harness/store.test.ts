import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from './facts/plan.js';
import { RunStore } from './store.js';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'netsoak-store-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

const plan = { schema: 1, id: '20260102T030405Z-churn-7' } as Plan;
const lines = (store: RunStore, name: string): unknown[] =>
  readFileSync(join(store.directory, name), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

describe('a run directory', () => {
  it('belongs to one run, also when two of one seed begin in the same second', () => {
    const [one, two] = [RunStore.create(parent, plan), RunStore.create(parent, plan)];
    expect(readdirSync(parent).sort()).toEqual([plan.id, `${plan.id}-2`, 'latest']);
    expect((JSON.parse(readFileSync(join(two.directory, 'plan.json'), 'utf8')) as Plan).id).toBe(`${plan.id}-2`);
    expect(readlinkSync(join(parent, 'latest'))).toBe(`${plan.id}-2`);
    one.close();
    two.close();
  });

  it('has each fact on disk as soon as it is told', () => {
    const store = RunStore.create(parent, plan);
    store.event({ kind: 'note', text: 'one' });
    expect(lines(store, 'events.ndjson')).toMatchObject([{ kind: 'note', text: 'one' }]);
    store.series({ 'subject.threads': 13, 'subject.fds': null });
    expect(lines(store, 'series.ndjson')).toMatchObject([{ v: { 'subject.threads': 13, 'subject.fds': null } }]);
    store.close();
  });

  it('stamps what was true earlier with when it was true', () => {
    const store = RunStore.create(parent, plan);
    const now = store.now();
    expect(store.series({ 'poll.rows': 1 }, -100).at).toBe(0);
    expect(store.series({ 'poll.rows': 1 }).at).toBeGreaterThanOrEqual(Number(now.toFixed(3)) - 0.001);
    store.close();
  });

  it('gives its reserve back at the end', () => {
    const store = RunStore.create(parent, plan);
    store.close();
    expect(readdirSync(store.directory).sort()).toEqual(['events.ndjson', 'guest', 'plan.json', 'series.ndjson']);
  });
});
