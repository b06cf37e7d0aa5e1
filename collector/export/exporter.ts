/**
 * The port through which rows leave. An exporter takes whole envelopes, one at a time, and a write that resolved
 * is final: its bytes are the kernel's (or the far end's) and the buffer may be used again.
 */

import { type CredentialsSource, NO_CREDENTIALS } from '../credentials.js';
import { Fault, UsageError } from '../errors.js';
import { type ExportTarget, type FarTarget, isFar } from '../targets.js';
import type { Rotation } from './rotating.js';

export interface Exporter {
  /**
   * Hands on one envelope, all of it, behind the one before.
   * @param envelope a frame (`varint(length) || Envelope`) or whole lines; only valid until the promise settles
   * @param rows how many rows it holds
   * @param checksum its CRC-32, when somebody took it already
   * @throws ExportFailure when none of it stands in the stream
   */
  write(envelope: Buffer, rows: number, checksum?: number): Promise<void>;
  /** Gives back what it holds. Writes that have not settled are given up. */
  close(): Promise<void>;
}

/** An envelope that was not handed on. The stream behind it is whole: it ends at an envelope's border, or it is `final`. */
export class ExportFailure extends Error {
  /**
   * @param reason label of netsoakd_rows_dropped_total, but for `unreachable`: that is tried again, or spooled
   * @param message a sentence
   * @param final whether this exporter can never write again
   */
  constructor(
    readonly reason: 'full' | 'io' | 'closed' | 'refused' | 'spool_full' | 'unreachable',
    message: string,
    readonly final: boolean,
  ) {
    super(message);
    this.name = 'ExportFailure';
  }
}

export interface ExportOptions {
  /** Told of every envelope that will be tried again. */
  readonly retried?: (failure: ExportFailure, pauseMs: number) => void;
  /** Of a file; absent: it grows for ever. */
  readonly rotation?: Rotation | undefined;
  readonly farEnd?: FarEndOptions;
}

/** What far ends that can be asked want to know before the first row. */
export interface FarEndOptions {
  /** Key of every message, so that the rows of a host keep their order. */
  readonly hostname: string;
  /** Bytes of the longest envelope that will come. */
  readonly longest: number;
  /** One that does not answer is no error now: it is asked once it does. */
  readonly patient: boolean;
  /** Asked at each connection. */
  readonly credentials: CredentialsSource;
}

const NOBODY: FarEndOptions = { hostname: '', longest: 0, patient: true, credentials: NO_CREDENTIALS };

/**
 * Far ends over a network need not be there yet: they are tried until they are.
 * @throws CollectorError when this target can never be written to
 */
export async function openExporter(
  target: ExportTarget,
  format: 'protobufList' | 'jsonl',
  { retried = () => {}, rotation, farEnd }: ExportOptions = {},
): Promise<Exporter> {
  if (isFar(target)) {
    const far = await openFarEnd(target, format, farEnd);
    return new (await import('./retrying.js')).Retrying(far, { retried });
  }
  switch (target.kind) {
    case 'null':
      return new (await import('./null.js')).NullExporter();
    case 'file':
      return rotation === undefined
        ? (await import('./file.js')).openFile(target.path, format)
        : (await import('./rotating.js')).RotatingFile.open(target.path, format, rotation);
    default:
      return (await import('./stdout.js')).openStdout(format);
  }
}

/**
 * An exporter that tries each envelope once.
 * @throws CollectorError when the far end says that this will not do
 */
export async function openFarEnd(target: FarTarget, format: 'protobufList' | 'jsonl', options = NOBODY): Promise<Exporter> {
  switch (target.kind) {
    case 'tcp': {
      const { host, port } = target;
      return new (await import('./socket.js')).SocketExporter({ host, port }, `tcp ${authority(host, port)}`);
    }
    case 'unix':
      return new (await import('./socket.js')).SocketExporter({ path: target.path }, `unix ${target.path}`);
    case 'udp': {
      const { host, port } = target;
      return new (await import('./udp.js')).UdpExporter({ host, port }, `udp ${authority(host, port)}`, format);
    }
    case 'unixgram':
      return new (await import('./unixgram.js')).UnixgramExporter(target.path, format);
    case 'http':
      return new (await import('./http.js')).HttpExporter(target.url, format, options.credentials);
    case 'kafka':
      return asked(new (await import('./kafka.js')).KafkaExporter(target, format, options), options);
    case 'clickhouse':
      return asked(new (await import('./clickhouse.js')).ClickHouseExporter(target, format, options.credentials), options);
  }
}

/** Whether the far end is what we take it for. */
async function asked(exporter: Exporter & { check(): Promise<void> }, { patient }: FarEndOptions): Promise<Exporter> {
  try {
    await exporter.check();
  } catch (error) {
    if (error instanceof ExportFailure && patient) return exporter;
    await exporter.close();
    if (!(error instanceof ExportFailure)) throw error;
    throw new UsageError('export-unreachable', error.message, 'start it first, or give netsoakd a --spool to keep rows in meanwhile');
  }
  return exporter;
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** For commands that print and end: a reader who has seen enough (`| head`) is no failure. */
export function readerLeft(error: unknown): void {
  if (error instanceof ExportFailure && error.reason === 'closed') return;
  throw new Fault('stdout', error instanceof Error ? error.message : String(error), '', 'infra');
}
