import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDoor } from './conductor/shell-door.js';
import { shellInto } from './shell-into-run.js';
import { fakePlan } from './verdict/fake-run.test-support.js';

let run: string;
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'netsoak-shell-'));
});
afterEach(() => rmSync(run, { recursive: true }));

const store = (target: 'vm' | 'host'): void => writeFileSync(join(run, 'plan.json'), JSON.stringify(fakePlan({ target })));
const commands = Buffer.from('true');

it('is refused for target host, which has no VM', async () => {
  store('host');
  await expect(shellInto(run, commands)).rejects.toMatchObject({ owner: 'user', message: expect.stringContaining('has target host') });
});

it('is refused for a run that is over, also where its harness was killed', async () => {
  store('vm');
  await expect(shellInto(run, commands)).rejects.toMatchObject({ owner: 'user', message: expect.stringContaining('is over') });
  writeFileSync(join(run, '.shell'), `${join(run, 'gone')}\n`);
  await expect(shellInto(run, commands)).rejects.toMatchObject({ message: expect.stringContaining('is over') });
});

it('says what it wants, ends as the shell does, and is put out when the run ends', async () => {
  store('vm');
  const said: unknown[] = [];
  const door = await openDoor(
    run,
    join(run, 'door'),
    (shell, say) => {
      said.push([shell, say]);
      if ('open' in say && shell === 1) door.hear(shell, { exit: 5 });
    },
    () => {},
  );
  expect(await shellInto(run, commands)).toBe(5);
  await expect
    .poll(() => said)
    .toEqual([
      [1, { open: { commands: commands.toString('base64') } }],
      [1, { close: true }],
    ]);
  const second = shellInto(run, commands);
  await expect.poll(() => said.length).toBe(3);
  door.close();
  expect(await second).toBe(130);
  await expect(shellInto(run, commands)).rejects.toThrow('is over');
});
