import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { holdCheckout } from './exclusive.mjs';

const HOLDER = `
  import { holdCheckout } from ${JSON.stringify(new URL('./exclusive.mjs', import.meta.url).href)};
  await holdCheckout(process.argv[1], () => {});
  console.log('held');
  setInterval(() => {}, 1000);
`;

describe('one set-up at a time on one checkout', () => {
  it('lets callers in one after the other, and tells each that waits', async () => {
    const checkout = randomUUID();
    const story = [];
    const work = async (name) => {
      const release = await holdCheckout(checkout, () => story.push(`${name} waits`));
      story.push(`${name} begins`);
      await new Promise((done) => setTimeout(done, 20));
      story.push(`${name} ends`);
      await release();
    };
    await Promise.all(['a', 'b', 'c'].map(work));
    const turns = story.filter((line) => !line.endsWith('waits'));
    expect(turns).toHaveLength(6);
    for (let i = 0; i < 6; i += 2) expect(turns[i + 1]).toBe(turns[i].replace('begins', 'ends'));
    expect(story.filter((line) => line.endsWith('waits'))).toHaveLength(2);
  });

  it('goes on when the holder was killed', async () => {
    const checkout = randomUUID();
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, checkout], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    let waited = false;
    const next = holdCheckout(checkout, () => {
      waited = true;
      holder.kill('SIGKILL');
    });
    await (await next)();
    expect(waited).toBe(true);
  });

  it('does not mind another checkout', async () => {
    const release = await holdCheckout(randomUUID(), () => {});
    const other = await holdCheckout(randomUUID(), () => expect.fail('waits for another checkout'));
    await Promise.all([release(), other()]);
  });
});
