/**
 * A planted fault: the metrics endpoint tells of a tenth more rows than there were, read and exported alike, so that its own books add up. Loaded
 * before the daemon, which knows nothing of it.
 */
import { Registry } from 'prom-client';

const truth = Registry.prototype.metrics;
Registry.prototype.metrics = async function metrics() {
  const text = await truth.call(this);
  const [, exported = '0'] = /^netsoakd_rows_exported_total (\S+)$/m.exec(text) ?? [];
  const more = Math.floor(Number(exported) / 10);
  return text.replace(/^(netsoakd_rows_(?:read|exported)_total) (\S+)$/gm, (_, name, value) => `${name} ${Number(value) + more}`);
};
