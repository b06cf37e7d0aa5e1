/**
 * The values of a row as one number of 32 bits, its print: computed here from the bytes on the wire and by ClickHouse from its columns, so
 * that the two agree exactly when every column does. Each column has factors of its own, made from its number in the schema, and the print is
 * the sum of column x factor; texts and addresses count by their CRC-32. What a column holds by default adds nothing, since proto3 does not
 * send it.
 *
 * The print is linear: rows that trade values keep the sum of their prints. Whoever adds up prints of many rows adds up their squares too.
 */
import { crc32 } from 'node:zlib';
import type protobuf from 'protobufjs';
import { type U64, u64FromParts } from '../judge/u64.js';

/** What the books keep of a row. */
export interface BookRow {
  /** Start of its poll, nanoseconds since 1970 as decimal text. */
  readonly poll: string;
  readonly netns: U64;
  readonly cookie: U64;
  /** RowKind of the schema: 1 of a poll, {@link FINAL} of a socket that closed. */
  readonly kind: number;
  readonly print: number;
  /** Of a final row, when it was read, in nanoseconds since 1970; 0 of others. */
  readonly stampNs: bigint;
}

/** RowKind of a socket that closed. */
export const FINAL = 2;
/** Width of an address column: shorter ones are filled up with zeros. */
const ADDRESS_BYTES = 16;
const NO_ADDRESS = crc32(Buffer.alloc(ADDRESS_BYTES));
/** Wire types of protobuf. */
const VARINT = 0;
const DELIMITED = 2;

type Kind = 'number' | 'text' | 'address';
interface Column {
  readonly name: string;
  readonly kind: Kind;
  readonly wide: boolean;
  readonly factor: number;
  /** For bits 32 to 63. */
  readonly high: number;
}

/** Reads messages of a topic. */
export class RowPrinter {
  readonly #columns: (Column | undefined)[] = [];
  readonly #rowField: number;
  readonly #poll: number;
  readonly #netns: number;
  readonly #cookie: number;
  readonly #kind: number;
  readonly #stamp: number;
  /** Print of a row without any field. */
  readonly #empty: number;
  readonly #texts = new Map<string, number>();
  #pollLow = 0;
  #pollHigh = 0;
  #pollText = '0';

  /** @param envelope of the whole schema, no field removed */
  constructor(envelope: protobuf.Type, row: protobuf.Type) {
    for (const column of columnsOf(row)) this.#columns[idOf(row, column.name)] = column;
    this.#rowField = idOf(envelope, 'row');
    this.#poll = idOf(row, 'poll_id');
    this.#netns = idOf(row, 'netns_cookie');
    this.#cookie = idOf(row, 'inet_diag_msg_socket_cookie');
    this.#kind = idOf(row, 'kind');
    this.#stamp = idOf(row, 'timestamp_ns');
    this.#empty = this.#columns.reduce((sum, c) => (c?.kind === 'address' ? (sum + Math.imul(c.factor, NO_ADDRESS)) | 0 : sum), 0);
  }

  /** Rows of an envelope, in its order. @throws Error on bytes that are none */
  read(envelope: Uint8Array): BookRow[] {
    const input = new Input(envelope, 0, envelope.length);
    const rows: BookRow[] = [];
    while (input.at < input.end) {
      const tag = input.varint();
      if (tag !== this.#rowField * 8 + DELIMITED) throw new Error(`an envelope has no field ${tag >>> 3} of wire type ${tag & 7}`);
      const length = input.varint();
      rows.push(this.#row(new Input(envelope, input.at, input.skip(length))));
    }
    return rows;
  }

  #row(input: Input): BookRow {
    let print = this.#empty;
    let [netns, cookie, kind]: [U64, U64, number] = [0, 0, 0];
    let [pollLow, pollHigh] = [0, 0];
    let [stampLow, stampHigh] = [0, 0];
    while (input.at < input.end) {
      const tag = input.varint();
      const id = tag >>> 3;
      const column = this.#columns[id];
      if ((tag & 7) === VARINT) {
        input.wideVarint();
        const { low, high } = input;
        if (column !== undefined) print = (print + Math.imul(column.factor, low) + Math.imul(column.high, high)) | 0;
        if (id === this.#poll) [pollLow, pollHigh] = [low, high];
        else if (id === this.#netns) netns = u64FromParts(low, high);
        else if (id === this.#cookie) cookie = u64FromParts(low, high);
        else if (id === this.#kind) kind = low;
        else if (id === this.#stamp) [stampLow, stampHigh] = [low, high];
      } else if ((tag & 7) === DELIMITED) {
        const length = input.varint();
        const from = input.at;
        const bytes = input.bytes.subarray(from, input.skip(length));
        if (column === undefined) continue;
        const value = column.kind === 'address' ? (addressCrc(bytes) - NO_ADDRESS) | 0 : this.#textCrc(bytes);
        print = (print + Math.imul(column.factor, value)) | 0;
      } else throw new Error(`field ${id} of a row has wire type ${tag & 7}`);
    }
    const stampNs = kind === FINAL ? (BigInt(stampHigh >>> 0) << 32n) | BigInt(stampLow >>> 0) : 0n;
    return { poll: this.#decimal(pollLow, pollHigh), netns, cookie, kind, print: print >>> 0, stampNs };
  }

  /** One string object a poll, however many rows carry it. */
  #decimal(low: number, high: number): string {
    if (low !== this.#pollLow || high !== this.#pollHigh) {
      this.#pollLow = low;
      this.#pollHigh = high;
      this.#pollText = String(u64FromParts(low, high));
    }
    return this.#pollText;
  }

  #textCrc(bytes: Uint8Array): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size > 10_000) this.#texts.clear();
    const value = crc32(bytes);
    this.#texts.set(text, value);
    return value;
  }
}

/** The same number as an expression over ClickHouse's columns. */
export function printInSql(row: protobuf.Type): string {
  const terms = columnsOf(row).flatMap(({ name, kind, wide, factor, high }) => {
    // An enum's column is an Enum8.
    const number = row.fields[name]?.resolvedType ? `toInt8(${name})` : name;
    if (kind !== 'number') return [`${factor}*toUInt64(CRC32(${name}))`];
    return wide ? [`${factor}*toUInt64(${number})`, `${high}*bitShiftRight(toUInt64(${number}),32)`] : [`${factor}*toUInt64(${number})`];
  });
  // A plain sum of them all is nested deeper than its parser goes (max_parser_depth).
  const groups = Array.from({ length: Math.ceil(terms.length / 20) }, (_, i) => `(${terms.slice(20 * i, 20 * i + 20).join('+')})`);
  return `toUInt32(bitAnd(${groups.join('+')},4294967295))`;
}

function columnsOf(row: protobuf.Type): Column[] {
  row.resolveAll();
  return row.fieldsArray.map(({ name, id, type }) => ({
    name,
    kind: type === 'bytes' ? 'address' : type === 'string' ? 'text' : 'number',
    wide: type === 'uint64' || type === 'int64',
    factor: mixed(2 * id),
    high: mixed(2 * id + 1),
  }));
}

function idOf(message: protobuf.Type, name: string): number {
  const field = message.fields[name];
  if (field === undefined) throw new Error(`the schema has no field ${name}`);
  return field.id;
}

/** An odd number without any pattern (the end of MurmurHash3). */
function mixed(seed: number): number {
  let h = Math.imul(seed + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) | 1) >>> 0;
}

function addressCrc(bytes: Uint8Array): number {
  return bytes.length === ADDRESS_BYTES
    ? crc32(bytes)
    : crc32(Buffer.concat([bytes, Buffer.alloc(ADDRESS_BYTES)]).subarray(0, ADDRESS_BYTES));
}

class Input {
  low = 0;
  high = 0;

  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end: number,
  ) {}

  /** Of 32 bits. */
  varint(): number {
    this.wideVarint();
    return this.low >>> 0;
  }

  /** Into `low` and `high`, the two halves of 64 bits. */
  wideVarint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw new Error('a row ends in the middle of a number');
      const byte = this.bytes[this.at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low;
        this.high = high;
        return;
      }
    }
    throw new Error('a number of more than ten bytes');
  }

  /** @returns where it stands then */
  skip(length: number): number {
    if (this.at + length > this.end) throw new Error('a field reaches beyond the end of its row');
    this.at += length;
    return this.at;
  }
}
