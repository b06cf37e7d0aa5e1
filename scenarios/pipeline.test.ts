import { expect, it } from 'vitest';
import { makePlan } from '../harness/plan.js';
import pipeline from './pipeline.js';

const planned = (set: readonly string[] = [], slowdown = 1) =>
  makePlan({
    scenario: pipeline,
    target: slowdown > 1 ? 'vm' : 'host',
    durationSeconds: 300,
    seed: 1,
    set,
    accelerator: { accelerator: slowdown > 1 ? 'tcg' : 'none', reason: '', slowdown },
    subject: { name: 's', file: 's.json', command: ['s'] },
    provenance: {},
    startedAt: new Date(0),
  });

it('asks for broker and database, and makes a million rows in five minutes', () => {
  const { services, settings, faults } = planned();
  expect(services).toEqual(['kafka', 'clickhouse']);
  expect(faults).toEqual([]);
  const polls = 300 / Number(settings.pollInterval);
  expect(Number(settings.namespaces) * 2 * Number(settings.connections) * polls).toBeGreaterThan(1_000_000);
});

it('demands the same of the books whatever is broken, but that nothing is sent again or dies', () => {
  const names = (set: readonly string[]) => planned(set).invariants.map(({ name }) => name);
  const always = ['books-lost', 'books-duplicated', 'books-changed', 'books-late', 'books-lost-in-crash', 'completeness', 'addresses'];
  expect(names([])).toEqual(expect.arrayContaining([...always, 'nothing-died', 'no-redelivery']));
  expect(names(['fault=subject-killed'])).toEqual(expect.arrayContaining(always));
  expect(names(['fault=subject-killed'])).not.toContain('no-redelivery');
  expect(planned(['fault=subject-killed']).faults).toEqual(['subject-killed']);
});

it('is smaller on a slow target', () => {
  const { settings, scaled } = planned([], 13);
  expect(Number(settings.namespaces)).toBeLessThan(Number(planned().settings.namespaces));
  expect(scaled.length).toBeGreaterThan(4);
});

it('refuses a fault that nobody knows, as bad usage', () => {
  expect(() => planned(['fault=broker-on-fire'])).toThrow(expect.objectContaining({ owner: 'user', code: 'no-such-fault' }));
});
