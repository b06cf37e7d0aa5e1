/** The adapter to @vitest/runner in the process of its own that it runs in (dist/, as in a target). */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../project.js';
import type { FromScenario } from './scenario-process.js';

const folder = mkdtempSync(join(tmpdir(), 'netsoak-scenario-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a scenario whose steps are given as source text; answers every call; tells what came, in order. */
async function play(steps: string, abortAt?: string, durationSeconds = 60): Promise<string[]> {
  const file = join(folder, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, `export default { name: 'x', steps: [${steps}] };`);
  const child = fork(join(PROJECT, 'dist/harness/agent/scenario-process.js'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const heard: string[] = [];
  child.on('message', (message: FromScenario) => {
    if ('call' in message) {
      heard.push(message.what);
      child.send(message.what === 'load.stop-churn' ? { reply: message.call, error: 'the load died' } : { reply: message.call });
    } else if ('done' in message) heard.push(message.done ? 'done: passed' : 'done: not passed');
    else if (message.event.kind === 'step')
      heard.push(
        `${message.event.name} ${message.event.state}${message.event.late ? ' late' : ''}${message.event.error ? `: ${message.event.error}` : ''}`,
      );
    else if (message.event.kind === 'note' && message.event.text === abortAt) child.send({ abort: 'interrupted' });
    else heard.push(message.event.kind);
  });
  const ended = new Promise((done) => child.once('exit', done));
  child.send({ work: { scenarioFile: file, settings: {}, durationSeconds, seed: 1, slowdown: 1, services: {} } });
  await ended;
  return heard;
}

describe("a scenario's process", () => {
  it('hands on the violations that a step tells', async () => {
    const steps = `{ name: 'one', run: async (c) => c.offend('outcomes', 'a route is missing') }`;
    expect(await play(steps)).toEqual(['one begin', 'offence', 'one pass', 'done: passed']);
  });

  it('runs the steps in order and asks the agent for what they want', async () => {
    const steps = `{ name: 'one', run: (c) => c.load.steady({ namespaces: 2, connections: 1 }) },
      { name: 'two', run: async (c) => { await c.beginMeasure(); await c.window('w', () => c.sleep(0.01)); await c.endMeasure(); } }`;
    expect(await play(steps)).toEqual([
      'one begin',
      'load.steady',
      'one pass',
      'two begin',
      'stage',
      'mark',
      'mark',
      'stage',
      'two pass',
      'done: passed',
    ]);
  });

  it('skips what comes after a failure, and does not pass', async () => {
    const steps = `{ name: 'one', run: () => { throw new Error('boom'); } }, { name: 'two', run: async () => {} }`;
    expect(await play(steps)).toEqual(['one begin', 'one fail: boom', 'two skip', 'done: not passed']);
  });

  it('tells a step that does not end from one that fails', async () => {
    // Two minutes are added to the measured phase for set-up.
    const heard = await play(`{ name: 'one', run: () => new Promise(() => {}) }, { name: 'two', run: async () => {} }`, undefined, -119.5);
    expect(heard).toEqual(['one begin', expect.stringMatching(/^one fail late: .*timed out/), 'two skip', 'done: not passed']);
  });

  it("hands the agent's errors to the step", async () => {
    const steps = `{ name: 'one', run: (c) => c.load.stopChurn() }`;
    expect(await play(steps)).toEqual(['one begin', 'load.stop-churn', 'one fail: the load died', 'done: not passed']);
  });

  it('ends a step that sleeps when the run is interrupted, without calling it failed', async () => {
    const steps = `{ name: 'one', run: async (c) => { c.note('now'); await c.sleep(60); } }, { name: 'two', run: async () => {} }`;
    expect(await play(steps, 'now')).toEqual(['one begin', 'one skip', 'two skip', 'done: not passed']);
  });

  it('does not call a scenario without steps passed', async () => expect(await play('')).toContain('done: not passed'));
});
