/**
 * A planted fault: each poll is told twice, the second time with an id and stamps a millisecond later. Loaded before the daemon, which knows nothing
 * of it.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

const { Outbox } = await import('../../../dist/collector/outbox.js');

const schema = readFileSync(new URL('../../../collector/netsoak.proto', import.meta.url), 'utf8');
const Envelope = protobuf.parse(schema, new protobuf.Root(), { keepCase: true }).root.lookupType('netsoak.v1.Envelope');
const MILLISECOND = 1e6;

const { push } = Outbox.prototype;
let copies = [];
Outbox.prototype.push = function (envelope) {
  if (envelope.rows > 0) {
    if (copies.length > 0 && copies[0].pollId !== envelope.pollId) {
      for (const copy of copies) push.call(this, again(copy));
      copies = [];
    }
    copies.push({ bytes: Buffer.from(envelope.bytes), rows: envelope.rows, pollId: envelope.pollId });
  }
  push.call(this, envelope);
};

function again({ bytes, rows, pollId }) {
  const { row } = Envelope.decodeDelimited(bytes);
  for (const one of row) {
    one.poll_id = one.poll_id.add(MILLISECOND);
    one.timestamp_ns = one.timestamp_ns.add(MILLISECOND);
  }
  return { bytes: Buffer.from(Envelope.encodeDelimited({ row }).finish()), rows, pollId, checksum: undefined, release() {} };
}
