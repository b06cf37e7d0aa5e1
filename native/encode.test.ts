import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Long from 'long';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { decodeMessages, decodePcap, wireFields } from './index.js';
import type { JsonRow } from './ss-text.js';
import { ATTRIBUTE, attribute, message, nested, Random } from './test-messages.js';

const schema = new protobuf.Root().loadSync(fileURLToPath(new URL('../collector/netsoak.proto', import.meta.url)), { keepCase: true });
const Envelope = schema.lookupType('netsoak.v1.Envelope');
const Row = schema.lookupType('netsoak.v1.Row');
const folder = fileURLToPath(new URL('./fixtures/captures/', import.meta.url));
const captures = readdirSync(folder).filter((name) => name.endsWith('.pcap'));

type ProtoRow = Record<string, number | Long | string | Uint8Array>;

/** Every frame of a stream, as protobufjs reads it; and the stream as protobufjs writes it from that. */
function throughProtobufjs(stream: Uint8Array): { rows: ProtoRow[]; bytes: Buffer } {
  const reader = protobuf.Reader.create(stream);
  const rows: ProtoRow[] = [];
  const frames: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const envelope = Envelope.decodeDelimited(reader);
    rows.push(...(envelope as unknown as { row: ProtoRow[] }).row);
    frames.push(Envelope.encodeDelimited(envelope).finish());
  }
  return { rows, bytes: Buffer.concat(frames) };
}

/** A JSON row as the protobuf form says it: zeros and empty strings left out, addresses as bytes. */
function asProto(row: JsonRow): Record<string, unknown> {
  const entries = Object.entries(row).flatMap(([name, value]) => {
    if (Row.fields[name] === undefined) throw new Error(`${name} is not in the schema`);
    if (name.endsWith('_socket_source') || name.endsWith('_socket_destination')) return [[name, addressBytes(String(value))]];
    if (name === 'kind') return [[name, 1]];
    return value === 0 || value === '0' || value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(entries);
}

function plain(row: ProtoRow): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      const shown = Long.isLong(value) ? value.toString() : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
      return [name, shown];
    }),
  );
}

function addressBytes(text: string): string {
  if (!text.includes(':')) return Buffer.from([...text.split('.').map(Number), ...Array(12).fill(0)]).toString('hex');
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const whole = mapped
    ? `${mapped[1]}${((Number(mapped[2]) << 8) | Number(mapped[3])).toString(16)}:${((Number(mapped[4]) << 8) | Number(mapped[5])).toString(16)}`
    : text;
  const [head = '', tail] = whole.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return all.map((group) => group.padStart(4, '0')).join('');
}

/** Both forms have their columns in the order of the schema, so their texts can be compared; a failing row is shown. */
function expectSame(proto: readonly ProtoRow[], json: readonly JsonRow[]): void {
  expect(proto).toHaveLength(json.length);
  proto.forEach((row, index) => {
    const [ours, theirs] = [plain(row), asProto(json[index] as JsonRow)];
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) expect(ours).toEqual(theirs);
  });
}

const linesOf = (output: Buffer) =>
  output
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonRow);

/** A socket with every attribute there is, of random bytes. */
function fullMessage(random: Random, tcpInfoBytes: number): Uint8Array {
  const a = ATTRIBUTE;
  return message(random, [
    attribute(a.MEMINFO, random.bytes(16)),
    attribute(a.INFO, random.bytes(tcpInfoBytes)),
    attribute(a.VEGASINFO, random.bytes(16)),
    attribute(a.CONG, Buffer.from(random.pick(['cubic\0', 'bbr\0', 'prague\0', 'reno\0', 'a"\\\u0001b\0']))),
    attribute(a.TOS, random.bytes(1)),
    attribute(a.TCLASS, random.bytes(1)),
    attribute(a.SKMEMINFO, random.bytes(36)),
    attribute(a.SHUTDOWN, random.bytes(1)),
    attribute(a.DCTCPINFO, random.bytes(16)),
    attribute(a.PROTOCOL, random.bytes(1)),
    attribute(a.SKV6ONLY, random.bytes(1)),
    attribute(a.MARK, random.bytes(4)),
    attribute(a.BBRINFO, random.bytes(20)),
    attribute(a.CLASS_ID, random.bytes(4)),
    attribute(a.CGROUP_ID, random.bytes(8)),
    attribute(a.SOCKOPT, random.bytes(2)),
    nested(a.ULP_INFO, [
      attribute(1, Buffer.from('tls\0')),
      nested(2, [
        ...[1, 2, 3, 4].map((type) => attribute(type, random.bytes(2))),
        attribute(5, new Uint8Array(0)),
        attribute(6, new Uint8Array(0)),
      ]),
      nested(
        3,
        [4, 4, 4, 8, 4, 4, 2, 4, 1, 1].map((size, i) => attribute(i + 1, random.bytes(size))),
      ),
    ]),
  ]);
}

const identity = { daemonVersion: '1.2.3', hostname: 'höst"\\\n', location: 'rack 4', label: 'blue', tag: 't' };

describe('protobuf rows', () => {
  test.each(captures)('are byte for byte what protobufjs writes: %s', (name) => {
    const { output, rows } = decodePcap(readFileSync(folder + name), 'protobuf');
    const again = throughProtobufjs(output);
    expect(again.rows).toHaveLength(rows);
    expect(again.bytes.equals(output)).toBe(true);
  });

  test.each(captures)('say what the JSON rows say: %s', (name) => {
    const file = readFileSync(folder + name);
    const { rows } = throughProtobufjs(decodePcap(file, 'protobuf').output);
    expectSame(rows, linesOf(decodePcap(file, 'jsonl').output));
  });

  test('are so for every column and any value, over many sockets and several frames', () => {
    const random = new Random(20_250_101);
    const stream = Buffer.concat(Array.from({ length: 1500 }, (_, i) => fullMessage(random, i % 7 === 0 ? 192 + 8 * (i % 12) : 280)));
    const stamp = 1_700_000_000_123_456_789n;
    const { output, rows, unknown, skipped } = decodeMessages(stream, 'protobuf', identity, stamp);
    expect({ rows, unknown, skipped }).toEqual({ rows: 1500, unknown: {}, skipped: {} });
    const again = throughProtobufjs(output);
    expect(again.bytes.equals(output)).toBe(true);
    expect(output.length).toBeGreaterThan(1 << 20);
    const json = linesOf(decodeMessages(stream, 'jsonl', identity, stamp).output);
    expectSame(again.rows, json);
    // Each column that the kernel can send was there.
    const seen = new Set(json.flatMap((row) => Object.keys(row)));
    const kernel = wireFields().filter(({ source }) => source !== 'own');
    expect(kernel.filter(({ name }) => !seen.has(name))).toEqual([]);
  });

  test('cover lengths of a row around the steps of its varint', () => {
    const random = new Random(7);
    for (let length = 0; length < 300; length++) {
      const { output } = decodeMessages(message(random, []), 'protobuf', { ...identity, label: 'x'.repeat(length) }, 1n);
      expect(throughProtobufjs(output).bytes.equals(output)).toBe(true);
    }
    for (const length of [16_200, 16_300, 16_384, 20_000, 60_000]) {
      const { output } = decodeMessages(message(random, []), 'protobuf', { ...identity, label: 'x'.repeat(length) }, 1n);
      expect(throughProtobufjs(output).bytes.equals(output)).toBe(true);
    }
  });
});

test('columns, schema and names are one: every column stands in the schema with its number, name and type', () => {
  const fields = wireFields();
  const byNumber = new Map(Object.values(Row.fields).map((field) => [field.id, field]));
  for (const field of fields) {
    const type = byNumber.get(field.number)?.type;
    expect({
      number: field.number,
      name: byNumber.get(field.number)?.name,
      type: /^(CongestionAlgorithm|RowKind)$/.test(type ?? '') ? 'enum' : type,
    }).toEqual({
      number: field.number,
      name: field.name,
      type: field.type,
    });
  }
  expect(fields.map(({ number }) => number)).toEqual(fields.map(({ number }) => number).sort((a, b) => a - b));
  expect(new Set(fields.map(({ number }) => number)).size).toBe(fields.length);
});
