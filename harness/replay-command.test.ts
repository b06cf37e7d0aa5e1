import { describe, expect, it } from 'vitest';
import type { Plan } from './facts/plan.js';
import { whatDiffers } from './replay-command.js';
import { fakePlan } from './verdict/fake-run.test-support.js';

const then = fakePlan({ provenance: { revision: 'aaa', node: 'v20.19.0', 'subject description': 'sha256 1' } });
const differs = (change: Partial<Plan>): string[] => whatDiffers(then, { ...then, id: 'other', startedAt: 'later', ...change });

describe('what a repeated run tells of the first', () => {
  it('nothing when all is as it was', () => expect(differs({})).toEqual([]));

  it('revision and subject, first', () => {
    expect(differs({ provenance: { node: 'v22.0.0', revision: 'bbb', 'subject description': 'sha256 2' } })).toEqual([
      'revision: aaa -> bbb',
      'subject description: sha256 1 -> sha256 2',
      'node: v20.19.0 -> v22.0.0',
    ]);
  });

  it('the broker and the database that others run', () => {
    expect(whatDiffers({ ...then, given: { kafka: 'a:1' } }, { ...then, given: { kafka: 'b:2', clickhouse: 'http://c:3' } })).toEqual([
      'kafka: a:1 -> b:2',
      'clickhouse: nothing -> http://c:3',
    ]);
  });

  it('a tree with changes, of which nobody knows whether they are the same', () => {
    const dirty = { ...then, provenance: { revision: 'aaa-dirty' } };
    expect(whatDiffers(dirty, dirty)).toEqual(['revision: aaa-dirty may not be the same: it had uncommitted changes']);
  });

  it('settings that came, went or changed, and bounds that are others', () => {
    const { pollInterval: _, ...settings } = then.settings;
    const invariants = then.invariants.map((i) => (i.name === 'threads' && i.type === 'ceiling' ? { ...i, max: 20, why: 'reworded' } : i));
    expect(differs({ settings: { ...settings, namespaces: 300, depth: 2 }, invariants, required: [] })).toEqual([
      'setting namespaces: 200 -> 300',
      'setting pollInterval: 1 -> nothing',
      'setting depth: nothing -> 2',
      expect.stringMatching(/^invariant threads: .*"max":16.* -> .*"max":20/),
      'required churn events: 600 -> nothing',
      'required rows beyond a flush: 501 -> nothing',
    ]);
  });
});
