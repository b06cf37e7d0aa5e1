import { describe, expect, it } from 'vitest';
import { type Config, resolveConfig } from './config.js';
import { planReload } from './reload.js';

const of = (values: Partial<Record<keyof Config, string>>) => resolveConfig([{ prefix: '--', values }]);

describe('a new configuration', () => {
  it('that is the old one changes nothing', () => {
    expect(planReload(of({ export: 'http://127.0.0.1:9/x' }), of({ export: 'http://127.0.0.1:9/x' }), true)).toEqual({
      changed: [],
      pace: false,
      reader: false,
      namespaces: false,
      logLevel: false,
      reconcilers: [],
    });
  });

  it.each([
    [
      { interval: '5s', jitter: '0' },
      { pace: true, reader: false },
    ],
    [
      { filter: 'dport = :443', workers: '3', label: 'x' },
      { pace: false, reader: true },
    ],
    [{ 'namespace-dirs': '/run/netns' }, { namespaces: true, reader: false }],
    [{ 'log-level': 'debug' }, { logLevel: true, reader: false }],
    [{ 'route-mode': 'off', 'tc-interval': '0' }, { reconcilers: ['route-mode', 'tc-interval'] }],
  ] as const)('%j is taken over', (values, plan) => {
    expect(planReload(of({}), of(values), true)).toMatchObject({ ...plan, changed: expect.arrayContaining(Object.keys(values)) });
  });

  it.each([
    [{}, { export: 'null', interval: '1s', metrics: 'off' }, true, 'export, metrics cannot change'],
    [{}, { 'route-mode': 'observe' }, false, 'route-mode cannot change'],
    [
      { closed: 'true' },
      { closed: 'true', filter: 'sport = :1' },
      true,
      'filter cannot change while netsoakd runs (some of it could without closed: true)',
    ],
    [{}, { closed: 'true' }, true, 'closed cannot change'],
  ] as const)('%j to %j (reconciling: %j) is refused, every key by name', (before, after, reconciling, sentence) => {
    expect(() => planReload(of(before), of(after), reconciling)).toThrow(sentence);
  });
});
