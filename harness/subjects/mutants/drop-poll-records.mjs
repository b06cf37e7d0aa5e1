/**
 * A planted fault: one record of a poll in ten vanishes before it is handed on. Nobody counts it. Loaded before the daemon, which knows nothing
 * of it.
 */
const { Outbox } = await import('../../../dist/collector/outbox.js');

const { push } = Outbox.prototype;
let records = 0;
Outbox.prototype.push = function (envelope) {
  const isRecord = Buffer.from(envelope.bytes.buffer, envelope.bytes.byteOffset, 18).toString('latin1') === '{"kind":"poll_end"';
  if (isRecord && ++records % 10 === 0) envelope.release();
  else push.call(this, envelope);
};
