/** A planted fault: counters begin anew in mid-run, as if the daemon had been started again, which it has not. The environment may name some to be spared. */
import { Registry } from 'prom-client';

const SCRAPES_BEFORE = 30;
const { NETSOAK_MUTANT_SPARES: spared } = process.env;

const truth = Registry.prototype.metrics;
const lost = new Map();
let scrapes = 0;
Registry.prototype.metrics = async function metrics() {
  const text = await truth.call(this);
  scrapes++;
  return text.replace(/^(\w+_total(?:\{[^}]*\})?) (\S+)$/gm, (whole, name, value) => {
    if (scrapes < SCRAPES_BEFORE || (spared && name.startsWith(spared))) return whole;
    if (!lost.has(name)) lost.set(name, Number(value));
    return `${name} ${Number(value) - lost.get(name)}`;
  });
};
