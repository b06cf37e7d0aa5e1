import { describe, expect, it } from 'vitest';
import churn from '../scenarios/namespace-churn.js';
import { NetsoakError } from './errors.js';
import { type Asked, makePlan } from './plan.js';
import { scenario } from './scenario.js';

const asked = (change: Partial<Asked> = {}): Asked => ({
  scenario: churn,
  target: 'vm',
  durationSeconds: 60,
  seed: 7,
  set: [],
  accelerator: { accelerator: 'tcg', reason: 'KVM runs no guest code here', slowdown: 15 },
  subject: { name: 'netsoakd', file: 'harness/subjects/netsoakd.json', command: ['node'] },
  provenance: {},
  startedAt: new Date('2026-01-02T03:04:05.678Z'),
  ...change,
});
const onHost = { accelerator: { accelerator: 'none', reason: '', slowdown: 1 }, target: 'host' } as const;

describe('a plan', () => {
  it('is the same for the same question', () => expect(makePlan(asked())).toEqual(makePlan(asked())));

  it('scales down on a slow target and says so', () => {
    const slow = makePlan(asked());
    expect(slow.settings.namespaces).toBeLessThan(200);
    expect(slow.scaled.join()).toContain('namespaces 200 ->');
    const fast = makePlan(asked(onHost));
    expect(fast.settings.namespaces).toBe(200);
    expect(fast.scaled).toEqual([]);
  });

  it('never scales below what a fault needs to show', () => {
    const { settings, required } = makePlan(asked());
    expect(Number(settings.namespaces)).toBeGreaterThanOrEqual(20);
    expect(1000 / Number(settings.interval)).toBeGreaterThanOrEqual(1);
    // Two sockets a connection alone exceed the cap; listeners come on top.
    expect(Number(settings.namespaces) * Number(settings.connections) * 2).toBeGreaterThan(Number(settings.flushRows));
    expect(required.find((r) => r.name === 'steady namespaces')?.required).toBe(20);
  });

  it('lets --set decide and keeps what must be reached', () => {
    const plan = makePlan(asked({ set: ['namespaces=5', 'interval=50'] }));
    expect(plan.settings).toMatchObject({ namespaces: 5, interval: 50 });
    expect(plan.required.find((r) => r.name === 'steady namespaces')?.required).toBe(20);
    expect(plan.required.find((r) => r.name === 'churn events')?.required).toBe(1200);
  });

  it('demands nine tenths of the polls that fit into the duration', () => {
    const plan = makePlan(asked({ ...onHost, set: ['pollInterval=0.5'] }));
    expect(plan.invariants.find((i) => i.name === 'polls')).toMatchObject({ type: 'count', min: 108 });
  });

  it('holds a subject to the number of processes that its description tells, in every scenario', () => {
    const { invariants, subject } = makePlan(asked({ subject: { name: 'n', file: 'f', command: ['c'], processes: 1 } }));
    expect(invariants.find(({ name }) => name === 'processes')).toMatchObject({ type: 'ceiling', series: 'subject.processes', max: 1 });
    expect(subject).toEqual({ name: 'n', file: 'f', command: ['c'], pollIntervalSeconds: 2 });
    expect(makePlan(asked()).invariants.some(({ name }) => name === 'processes')).toBe(false);
  });

  it('refuses a fault that the target lacks and names the target that has it', () => {
    const stepping = scenario({ ...churn, faults: () => ['clock-stepped'] });
    expect(makePlan(asked({ scenario: stepping })).faults).toEqual(['clock-stepped']);
    const refused = () => makePlan(asked({ ...onHost, scenario: stepping }));
    expect(refused).toThrow(expect.objectContaining({ owner: 'user', code: 'no-such-fault', hint: 'use --target vm' }));
  });

  it('refuses a fault of a service that the scenario does not have', () => {
    const breaking = scenario({ ...churn, services: ['clickhouse'], faults: () => ['clickhouse-stopped', 'broker-stopped'] });
    expect(() => makePlan(asked({ scenario: breaking }))).toThrow(
      expect.objectContaining({ owner: 'user', code: 'no-such-fault', hint: "declare the service in the scenario: services: ['kafka']" }),
    );
  });

  it('can be repeated by the command that it names', () => {
    expect(makePlan(asked({ set: ['namespaces=30'] })).replay).toBe(
      'netsoak run namespace-churn --target vm --duration 1m --seed 7 --set namespaces=30 --subject harness/subjects/netsoakd.json',
    );
    expect(makePlan(asked({ circumstances: { given: { kafka: 'a:1', clickhouse: 'http://b:***@c:2' } } })).replay).toContain(
      "--kafka a:1 --clickhouse 'http://b:***@c:2' --subject",
    );
  });

  it.each([
    ['namespces=5', 'did you mean namespaces?'],
    ['namespaces', 'namespaces'],
    ['namespaces=many', 'the default is 200'],
    ['namespaces=-3', 'the default is 200'],
    ['namespaces=', 'the default is 200'],
  ])('refuses --set %s', (word, hint) => {
    const refuse = (): unknown => makePlan(asked({ set: [word] }));
    expect(refuse).toThrow(NetsoakError);
    try {
      refuse();
    } catch (error) {
      expect((error as NetsoakError).exitCode).toBe(64);
      expect(`${(error as NetsoakError).message} ${(error as NetsoakError).hint}`).toContain(hint);
    }
  });
});
