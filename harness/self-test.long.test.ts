/**
 * The harness under attack: each of its own parts is stopped or killed while a soak of the real subject runs. None of it is the product's
 * fault, so the verdict is never `fail`; nothing was judged whole, so it is never `pass`; and nothing stays on the machine.
 */
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { it, signalOf, start } from './soak.test-support.js';

const SOAK = ['--target', 'host', '--duration', '15s', '--set', 'namespaces=40', '--set', 'flushRows=100', '--seed', '1'];

const JUDGE = /^\S*node \S*judge\/main\.js/;
const AGENT = /^\S*node \S*agent\/main\.js/;
const SCENARIO = /^\S*node \S*agent\/scenario-process\.js/;
const RELAY = /^\S*netsoak-relay /;
const LOAD = /^\S*netsoak-load /;
const INIT = /^bash -c .*netsoak-init/s;
const GUARDIAN = /^sh -c .*netsoak-guardian/s;

describe('a part of the harness that is', () => {
  it.for([
    ['stopped', 'judge', JUDGE, 'SIGSTOP'],
    ['killed', 'judge', JUDGE, 'SIGKILL'],
    ['stopped', 'agent', AGENT, 'SIGSTOP'],
    ['killed', 'agent', AGENT, 'SIGKILL'],
    ['killed', 'scenario', SCENARIO, 'SIGKILL'],
    ['killed', 'relay', RELAY, 'SIGKILL'],
    ['stopped', 'load', LOAD, 'SIGSTOP'],
    ['killed', "target's init", INIT, 'SIGKILL'],
  ] as const)('%s: the %s makes it no pass and no fault of the subject', async ([_how, _who, program, signal], { runs }) => {
    const run = runs.start('run', ...SOAK);
    await run.said('measuring');
    await delay(3000);
    signalOf(run.child.pid ?? 0, program, signal);
    const { code, stderr } = await run.finished;
    expect(['infra', 'unknown', 'partial'], stderr).toContain(runs.verdict().verdict);
    expect([2, 3]).toContain(code);
  });

  it('killed: the guardian costs the run nothing but its help', async ({ runs }) => {
    const run = runs.start('run', ...SOAK);
    await run.said('measuring');
    signalOf(run.child.pid ?? 0, GUARDIAN, 'SIGKILL');
    const { stderr } = await run.finished;
    // What only the guardian removes is removed by the next attempt: the run's own end.
    expect(['pass', 'infra'], stderr).toContain(runs.verdict().verdict);
  });
});

describe('the harness itself', () => {
  it('can be killed at any moment: what is stored is never a pass, and nothing stays', async ({ runs }) => {
    for (let round = 0; round < 12; round++) {
      const run = runs.start('run', ...SOAK, '--seed', String(round));
      // From before the target is up to the middle of the measured phase.
      await delay(200 + round * 900);
      run.child.kill('SIGKILL');
      await run.finished;
      await expect.poll(() => runs.traces(), { timeout: 30_000, message: `round ${round}` }).toEqual([]);
      // So early that not even its folder was there.
      if (!existsSync(runs.latest())) continue;
      const derived = await start(['verdict', runs.latest(), '--json']).finished;
      expect([2, 3], derived.stdout).toContain(derived.code);
    }
  });
});
