/** A planted fault: the metrics endpoint tells of half as many rows again as the far end has. Loaded before the daemon, which knows nothing of it. */
import { Registry } from 'prom-client';

const truth = Registry.prototype.metrics;
Registry.prototype.metrics = async function metrics() {
  const text = await truth.call(this);
  return text.replace(
    /^(netsoakd_rows_exported_total(?:\{[^}]*\})?) (\S+)$/gm,
    (_, name, value) => `${name} ${Math.round(1.5 * Number(value))}`,
  );
};
