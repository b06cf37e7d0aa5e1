/** How the collector opens its reader: the same for the daemon and for a snapshot. */
import { type Envelope, openReader, type Reader, type RowFormat } from '../native/index.js';
import type { Config } from './config.js';
import { Fault } from './errors.js';

/** All states but BOUND_INACTIVE (net/tcp_states.h): sockets that are only bound cost 0.3 ms a namespace to look for. */
const STATES = 0x1fff;

/** Finished envelopes that may wait for a slow exporter, 1 MiB each. */
const LEAST_BLOCKS = 16;

export function openConfiguredReader(config: Config, version: string, format: RowFormat, onEnvelope: (envelope: Envelope) => void): Reader {
  const { hostname, location, label, tag, workers } = config;
  try {
    return openReader(
      {
        workers,
        format,
        identity: { daemonVersion: version, hostname, location, label, tag },
        flushRows: config['flush-rows'],
        flushBytes: config['flush-bytes'],
        blocks: Math.max(LEAST_BLOCKS, 2 * workers),
        states: STATES,
      },
      onEnvelope,
    );
  } catch (error) {
    throw new Fault('reader', error instanceof Error ? error.message : String(error));
  }
}
