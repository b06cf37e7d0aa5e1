#!/usr/bin/env node
/**
 * The program `netsoakd`. Takes over the signals before it loads anything, so that a stop that arrives while it starts is
 * an orderly one too.
 */
import v8 from 'node:v8';

// Young objects get a megabyte and keep to it: a host of 10,000 namespaces makes garbage in bursts, for which V8 would grow this part of the heap
// to 32 MB and keep it (20 MB of the process there; measured on Node 20.20). Before anything is loaded, so that it never grows at all.
v8.setFlagsFromString('--semi-space-growth-factor=1');
// Old objects are collected when a quarter of what V8 would allow them has come. That is 8 MB at least, which churn and scrapes need hours for: a
// daemon that grows so long looks, to whoever watches it meanwhile, like one that leaks. So it moves by 2.5 MB (measured on Node 20.20).
v8.setFlagsFromString('--incremental-marking-soft-trigger=25');
v8.setFlagsFromString('--incremental-marking-hard-trigger=40');

const stop = new AbortController();
const hurry = new AbortController();
/** `timeout` signals its child, then its group: one wish to stop, told twice. A second ^C comes later. */
const SAME_WISH_MS = 50;
let stoppedAt = 0;
const onSignal = () => {
  if (!stop.signal.aborted) {
    stoppedAt = performance.now();
    stop.abort();
  } else if (performance.now() - stoppedAt >= SAME_WISH_MS) hurry.abort();
};
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
