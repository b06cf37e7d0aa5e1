import { describe, expect, it, vi } from 'vitest';
import { lineKeeper, runChild, runStep } from './child.mjs';

const node = (script) => [process.execPath, '-e', script];

describe('children of the set-up', () => {
  it('keeps the lines that tell the cause and those that tell the end, whatever pieces they come in', () => {
    const lines = lineKeeper(1, 2);
    for (const piece of ['cau', 'se\nhelp\n\nmore ', 'help\nalmost\nen', 'd']) lines.add(piece);
    expect(lines.all()).toEqual(['cause', '(2 lines left out)', 'almost', 'end']);
  });

  it('leaves nothing out of a short one', () => {
    const lines = lineKeeper(1, 2);
    lines.add('one\ntwo\n');
    expect(lines.all()).toEqual(['one', 'two']);
  });

  it('shows what a failing one said, with whose it is and the cure', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    const step = runStep(node('console.log("to out"); console.error("to err"); process.exit(7)'), { cure: 'mend it', owner: 'harness' });
    await expect(step).rejects.toMatchObject({ message: expect.stringContaining('ended with 7'), cure: ['mend it'], owner: 'harness' });
    const shown = said.mock.calls.flat().join('\n');
    expect([shown.includes('to out'), shown.includes('to err')]).toEqual([true, true]);
    said.mockRestore();
  });

  it('takes death by a signal for a failure', async () => {
    expect((await runChild(node('process.kill(process.pid, "SIGKILL")'))).status).toBe(137);
  });

  it('says that a program is missing', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {});
    await expect(runStep(['no-such-program'], { cure: '' })).rejects.toMatchObject({
      message: 'no-such-program could not be started',
      owner: 'infra',
    });
    said.mockRestore();
  });
});
