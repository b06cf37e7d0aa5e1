/** A planted fault: it does nothing, as fast as it can. Loaded before the daemon, which knows nothing of it. */
const BUSY_MS = 8;

function spin() {
  const until = performance.now() + BUSY_MS;
  while (performance.now() < until);
  setImmediate(spin).unref();
}

spin();
