/** How the collector opens its reader, the same for the daemon and for a snapshot, and its ear for closed sockets. */
import {
  type DestroyListener,
  DestroyListenerError,
  type DestroyListenerEvents,
  type Envelope,
  openDestroyListener,
  openReader,
  type Reader,
  type RowFormat,
  type RowIdentity,
} from '../native/index.js';
import type { Config } from './config.js';
import { Fault, MissingRight } from './errors.js';
import { uplinksOf } from './uplinks.js';

/** Finished envelopes that may wait for a slow exporter, 1 MiB each. */
const LEAST_BLOCKS = 16;

/** Envelopes of closed rows that may wait; behind them stand the 8 MiB of the socket's own buffer. */
const CLOSED_BLOCKS = 8;

/** A closed row is handed on within a second, however few there are. */
const CLOSED_FLUSH_MS = 1_000;

/** errno(3) of the calls that want CAP_NET_BROADCAST, CAP_NET_ADMIN or CAP_SYS_ADMIN. */
const EPERM = 1;

export function openConfiguredReader(config: Config, version: string, format: RowFormat, onEnvelope: (envelope: Envelope) => void): Reader {
  try {
    return openReader(
      {
        ...selection(config, version),
        workers: config.workers,
        format,
        blocks: Math.max(LEAST_BLOCKS, 2 * config.workers),
        states: config.states,
        // By exporters that want to know it.
        checksums: config.export.kind === 'null' || config.spool !== 'off',
      },
      onEnvelope,
    );
  } catch (error) {
    throw new Fault('reader', error instanceof Error ? error.message : String(error));
  }
}

/** @throws MissingRight, Fault */
export async function openConfiguredListener(
  config: Config,
  version: string,
  format: RowFormat,
  events: DestroyListenerEvents,
): Promise<DestroyListener> {
  try {
    return await openDestroyListener(
      { ...selection(config, version), format, blocks: CLOSED_BLOCKS, flushMilliseconds: CLOSED_FLUSH_MS },
      events,
    );
  } catch (error) {
    throw listenerFault(error);
  }
}

/** Why closed sockets can't be listened to (any longer), as an operator should read it. */
export function listenerFault(error: unknown): MissingRight | Fault {
  const hint = 'give netsoakd CAP_NET_BROADCAST and CAP_NET_ADMIN, or set closed to false: polls need neither';
  if (!(error instanceof DestroyListenerError)) return new Fault('closed', error instanceof Error ? error.message : String(error));
  if (error.errno === EPERM) return new MissingRight('closed', `closed sockets may not be listened to (${error.step})`, hint);
  return new Fault('closed', error.message, 'set closed to false to do without closed rows', 'infra');
}

function selection(config: Config, version: string) {
  const { hostname, location, label, tag, filter, sample } = config;
  const identity: RowIdentity = { daemonVersion: version, hostname, location, label, tag, uplinks: uplinksOf(config.uplinks) };
  return {
    identity,
    flushRows: config['flush-rows'],
    flushBytes: config['flush-bytes'],
    filter,
    ...(sample === 1 ? {} : { sample }),
  };
}
