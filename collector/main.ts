#!/usr/bin/env node
/**
 * The program `netsoakd`. Takes over the signals before it loads anything, so that a stop that arrives while it starts is
 * an orderly one too.
 */
const stop = new AbortController();
const hurry = new AbortController();
const onSignal = () => (stop.signal.aborted ? hurry.abort() : stop.abort());
process.on('SIGTERM', onSignal);
process.on('SIGINT', onSignal);
// One that comes while the daemon starts is heeded once it has.
let hangup = () => {
  hungUp = true;
};
let hungUp = false;
const onHangup = () => hangup();
process.on('SIGHUP', onHangup);

const { main } = await import('./cli.js');
const releaseSignals = () => {
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
  process.off('SIGHUP', onHangup);
};
const onReload = (reload: () => void) => {
  hangup = reload;
  if (hungUp) reload();
};
// All is written by now; what still holds the event loop (a keep-alive connection, a reader's handle) has no say.
process.exit(await main(process.argv.slice(2), { stop: stop.signal, hurry: hurry.signal, onReload, releaseSignals }));

export {};
