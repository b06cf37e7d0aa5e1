import { Duplex, PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Qmp, type QmpEvent } from './qmp.js';

/** A QEMU that greets, answers with `answer`, and can say more by itself. */
function fakeQemu(answer: (command: string) => object) {
  const out = new PassThrough();
  const stream = Duplex.from({
    readable: out,
    writable: new PassThrough().on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split('\n')) {
        out.write(`${JSON.stringify(answer((JSON.parse(line) as { execute: string }).execute))}\n`);
      }
    }),
  });
  const say = (message: object) => out.write(`${JSON.stringify(message)}\n`);
  say({ QMP: { version: {} } });
  return { stream, say };
}

it('matches answers to commands in order, with events in between', async () => {
  const events: QmpEvent[] = [];
  const { stream, say } = fakeQemu((command) => ({ return: { to: command } }));
  const qmp = new Qmp(stream, (event) => events.push(event));
  await qmp.ready;
  say({ timestamp: {}, event: 'STOP' });
  expect(await Promise.all([qmp.execute('a'), qmp.execute('b')])).toEqual([{ to: 'a' }, { to: 'b' }]);
  expect(events.map(({ event }) => event)).toEqual(['STOP']);
});

it("rejects with QEMU's sentence", async () => {
  const { stream } = fakeQemu((command) =>
    command === 'qmp_capabilities' ? { return: {} } : { error: { class: 'GenericError', desc: 'no such thing' } },
  );
  const qmp = new Qmp(stream, () => {});
  await qmp.ready;
  await expect(qmp.execute('x')).rejects.toThrow('no such thing');
});

it('rejects what is under way when QEMU goes, even by a reset, and all that comes later', async () => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const qmp = new Qmp(stream, () => {});
  stream.push('{"QMP":{}}\n');
  await new Promise((done) => setImmediate(done));
  const pending = qmp.execute('x');
  stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  await expect(pending).rejects.toThrow('QEMU is gone');
  await expect(qmp.ready).rejects.toThrow('QEMU is gone');
  await expect(qmp.execute('y')).rejects.toThrow('QEMU is gone');
});
