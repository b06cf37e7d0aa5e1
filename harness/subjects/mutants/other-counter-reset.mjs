/** A planted fault: in mid-run every counter but that of exported rows begins anew. Loaded before the daemon, which knows nothing of it. */
import { Registry } from 'prom-client';

const SCRAPES_BEFORE = 30;

const truth = Registry.prototype.metrics;
const lost = new Map();
let scrapes = 0;
Registry.prototype.metrics = async function metrics() {
  const text = await truth.call(this);
  scrapes++;
  return text.replace(/^(\w+_total(?:\{[^}]*\})?) (\S+)$/gm, (whole, name, value) => {
    if (scrapes < SCRAPES_BEFORE || name.startsWith('netsoakd_rows_')) return whole;
    if (!lost.has(name)) lost.set(name, Number(value));
    return `${name} ${Number(value) - lost.get(name)}`;
  });
};
