import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type NamespaceResult, NamespaceResults } from '../native/index.js';
import { resolveConfig } from './config.js';
import { NullExporter } from './export/null.js';
import { Books, Outbox } from './outbox.js';
import type { Polled } from './poller.js';
import { openPollRecords, pollRecord } from './polls.js';

const dir = fs.mkdtempSync(join(tmpdir(), 'netsoakd-polls-'));
afterAll(() => fs.rmSync(dir, { recursive: true }));

const namespace: NamespaceResult = {
  index: 0,
  status: 'ok',
  step: '',
  errno: 0,
  rows: 3,
  bytes: 9,
  interrupted: false,
  netnsCookie: 1n,
};
const poll: Polled = {
  pollId: 1_795_242_064_977_096_158n,
  rows: 6,
  envelopes: 1,
  durationSeconds: 0.25,
  duplicates: 0,
  unknown: {},
  putOff: 0,
  skippedEmpty: 0,
  faults: {},
  namespaces: NamespaceResults.of([
    namespace,
    { ...namespace, interrupted: true },
    { ...namespace, status: 'gone', step: 'open' },
    { ...namespace, status: 'denied', step: 'setns' },
    { ...namespace, status: 'error', step: 'recv', interrupted: true },
  ]),
};

describe('the record of a poll', () => {
  it('tells how much of it there is, and keeps every digit of its id', () => {
    const line = pollRecord('web1', poll);
    expect(line.endsWith('}\n')).toBe(true);
    expect(JSON.parse(line)).toEqual({
      kind: 'poll_end',
      hostname: 'web1',
      poll_id: '1795242064977096158',
      duration_seconds: 0.25,
      rows: 6,
      namespaces: 5,
      interrupted: 2,
      skipped: 2,
      gone: 1,
    });
    expect(JSON.parse(pollRecord('web1', { ...poll, sampledOut: 40 }))).toMatchObject({ sampled_out: 40 });
  });

  const config = (values: Record<string, string>) => resolveConfig([{ prefix: '--', values: { hostname: 'web1', ...values } }]);
  const nothing = () => {};
  const events = { dropped: nothing, broken: nothing, absent: nothing, retried: nothing, lost: nothing, noticed: nothing };

  it('stands among the lines of jsonl, behind the rows of its poll, and is no row in the books', async () => {
    const written: string[] = [];
    const exporter = { write: async (bytes: Buffer) => void written.push(bytes.toString()), close: async () => {} };
    const books = new Books();
    const outbox = new Outbox(exporter, books, events);
    const records = await openPollRecords(config({ format: 'jsonl' }), outbox, events);
    outbox.push({ bytes: Buffer.from('{"row":1}\n'), rows: 1, pollId: 1n, release: () => {} });
    records.add(poll);
    await records.flushed();
    expect(written).toEqual(['{"row":1}\n', pollRecord('web1', poll)]);
    expect(books).toMatchObject({ rowsRead: 1, rowsExported: 1, rowsInMemory: 0, envelopes: 1 });
  });

  it.each(['protobufList', 'jsonl'])('has a file of its own when told so (%s), and leaves the rows alone', async (format) => {
    const path = join(dir, format);
    const sink = new NullExporter();
    const records = await openPollRecords(config({ format, polls: `file:${path}` }), new Outbox(sink, new Books(), events), events);
    records.add(poll);
    records.add({ ...poll, pollId: 2n });
    expect(records.waiting).toBe(2);
    await records.flushed();
    expect(records.waiting).toBe(0);
    await records.close();
    expect(fs.readFileSync(path, 'utf8')).toBe(pollRecord('web1', poll) + pollRecord('web1', { ...poll, pollId: 2n }));
    expect(sink.checksum).toBe(0);
  });

  it('waits in a spool of its own for a far end that is not there, and is counted there, also after a restart', async () => {
    const values = { export: 'clickhouse:http://127.0.0.1:1/netsoak/tcp', spool: join(dir, 'spool') };
    const open = () => openPollRecords(config(values), new Outbox(new NullExporter(), new Books(), events), events);
    const first = await open();
    first.add(poll);
    first.add({ ...poll, pollId: 2n });
    await first.flushed();
    expect(first.waiting).toBe(2);
    await first.close();
    const second = await open();
    expect(second.waiting).toBe(2);
    await second.close();
  });

  it.each([{ format: 'protobufList' }, { format: 'jsonl', polls: 'off' }])('is not written with %j', async (values) => {
    const sink = new NullExporter();
    const records = await openPollRecords(config(values), new Outbox(sink, new Books(), events), events);
    records.add(poll);
    await records.flushed();
    expect(sink.checksum).toBe(0);
  });
});
