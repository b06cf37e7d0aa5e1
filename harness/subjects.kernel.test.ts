/** The subjects that ship as descriptions, soaked on target `host`: what they send is read and judged. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PROJECT } from './project.js';
import { it, type Runs } from './soak.test-support.js';

const SUBJECTS = join(PROJECT, 'harness/subjects');
/** A poll takes its time on a busy machine, and one without a poll id must not pause. */
const SLOWLY = [
  '--target',
  'host',
  '--duration',
  '14s',
  '--set',
  'namespaces=20',
  '--set',
  'flushRows=50',
  '--set',
  'pollInterval=2',
  '--set',
  'interval=1000',
  '--seed',
  '1',
];

/** Whether it keeps pace is a matter of the machine: it dumps one namespace after the other. What it sends must be right. */
const OF_ROWS = ['restarts', 'completeness', 'no-duplicates', 'addresses', 'attribution', 'no-foreign-rows', 'values', 'freshness'];
const heldByRows = (runs: Runs): string[] =>
  runs
    .verdict()
    .invariants.filter(({ name, verdict }) => OF_ROWS.includes(name) && verdict === 'pass')
    .map(({ name }) => name);

it.concurrent('the reference passes namespace-churn with JSON lines of its own making', async ({ runs }) => {
  const { stderr } = await runs.run('run', ...SLOWLY, '--subject', join(SUBJECTS, 'reference.json'));
  expect(heldByRows(runs), stderr).toEqual(OF_ROWS);
});

it.concurrent('a daemon with other flags, a socket, frames and fewer columns takes a description and no code', async ({ runs }) => {
  const stand = join(runs.folder, 'xtcp2');
  writeFileSync(stand, `#!/bin/sh\nexec ${process.execPath} ${join(SUBJECTS, 'xtcp2-stand-in.test-support.mjs')} "$@"\n`, { mode: 0o755 });
  const path = `${runs.folder}:${process.env.PATH}`;
  const run = runs.startWith({ PATH: path }, 'run', ...SLOWLY, '--subject', join(SUBJECTS, 'xtcp2.json'));
  const { stderr } = await run.finished;
  expect(heldByRows(runs), stderr).toEqual(OF_ROWS);
  expect(stderr).toContain('sends no poll_id, netns_cookie, says its description: not judged');
});
