/**
 * Three ways to a protobuf row. All three give the same bytes, which is checked before anything is timed. The native one starts from the
 * kernel's message, the two in JavaScript from an object that is there already: in their favour.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import type { Benchmark, PreparedCall } from '../harness/bench/benchmark.js';
import { addonPath, decodePcap } from './index.js';

/** A file of the source, from source and from dist/ alike. */
function source(path: string): Buffer {
  const here = import.meta.url.includes('/dist/native/') ? '../../' : '../';
  return readFileSync(new URL(here + path, import.meta.url));
}

const capture = (): Buffer => source('native/fixtures/captures/linux-6.8.12-100.pcap');

interface Prepared {
  readonly bytes: Buffer;
  readonly row: protobuf.Type;
  readonly messages: readonly protobuf.Message[];
}

/** The rows of an envelope, as the addon makes them and as objects. */
function prepared(): Prepared {
  const { output, rows } = decodePcap(capture(), 'protobuf');
  const { root } = protobuf.parse(source('collector/netsoak.proto').toString(), new protobuf.Root(), { keepCase: true });
  root.resolveAll();
  const reader = protobuf.Reader.create(output);
  const envelope = root.lookupType('netsoak.v1.Envelope').decodeDelimited(reader) as protobuf.Message & { row: protobuf.Message[] };
  if (envelope.row.length !== rows) throw new Error(`the first envelope holds ${envelope.row.length} of ${rows} rows`);
  return { bytes: output, row: root.lookupType('netsoak.v1.Row'), messages: envelope.row };
}

type Encode = (row: protobuf.Type, message: protobuf.Message, writer: protobuf.Writer) => void;

/** What protobufjs makes of the schema: a function for this type, compiled by V8. */
const generated: Encode = (row, message, writer) => {
  row.encode(message, writer);
};

/** By walking the descriptor for each row, as a reflecting library does. */
const reflected: Encode = (row, message, writer) => {
  for (const field of row.fieldsArray) {
    const value = (message as unknown as Readonly<Record<string, unknown>>)[field.name];
    if (value === undefined || !Object.hasOwn(message, field.name)) continue;
    const type = field.resolvedType instanceof protobuf.Enum ? 'int32' : field.type;
    const wire = (protobuf.types.basic as Readonly<Record<string, number | undefined>>)[type];
    if (wire === undefined) throw new Error(`a row has a field of type ${type}`);
    writer.uint32((field.id << 3) | wire);
    (writer as unknown as Record<string, (value: unknown) => void>)[type]?.(value);
  }
};

function encodeAll({ row, messages }: Prepared, encode: Encode): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const message of messages) {
    // Envelope.row.
    writer.uint32((10 << 3) | 2).fork();
    encode(row, message, writer);
    writer.ldelim();
  }
  return writer.finish();
}

function inJavaScript(encode: Encode): PreparedCall {
  const work = prepared();
  // Without the length in front.
  const theirs = Buffer.from(encodeAll(work, encode));
  if (!work.bytes.subarray(-theirs.length).equals(theirs)) throw new Error('it gives other bytes than the addon');
  return { call: () => encodeAll(work, encode).length };
}

function unavailable(): string | undefined {
  try {
    addonPath();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Sockets of the capture. */
const ROWS = 312;

const way = (name: string, prepare: () => PreparedCall): Benchmark => ({ name, per: 'row', ops: ROWS, unavailable, prepare });

export const benchmarks: readonly Benchmark[] = [
  way('native', () => {
    const file = capture();
    if (decodePcap(file, 'protobuf').rows !== ROWS) throw new Error(`the capture holds other than ${ROWS} sockets`);
    return { call: () => decodePcap(file, 'protobuf').rows };
  }),
  way('generated code', () => inJavaScript(generated)),
  way('reflection', () => inJavaScript(reflected)),
];
