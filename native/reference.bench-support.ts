/**
 * The decoder and encoder in TypeScript that the addon is held against: from the same list of columns (fields.def), by DataView and by what
 * protobufjs compiles for the schema. What is nested in INET_DIAG_ULP_INFO it does not know; its user checks that it gives the addon's bytes.
 */
import protobuf from 'protobufjs';

const MESSAGE_HEADER = 16;
const ATTRIBUTE_HEADER = 4;
/** Of struct inet_diag_msg (linux/inet_diag.h). */
const DIAG_MESSAGE = 72;
const AF_INET = 2;
/** linux/netlink.h: the two upper bits of an attribute's type are flags. */
const TYPE_MASK = 0x3fff;

/** Names of the kernel in the order of CongestionAlgorithm, from 1. */
const CONGESTION = ['cubic', 'dctcp', 'vegas', 'prague', 'bbr', 'bbr2', 'bbr3'];

type Wide = { readonly low: number; readonly high: number };
type Value = number | Wide | string | Uint8Array;
type Fields = Record<string, Value>;

/** What stands at `at`; undefined and 0 are both left out of a row. */
type Read = (view: DataView, at: number, length: number) => Value | undefined;

interface Column {
  readonly name: string;
  readonly read: Read;
  /** Of the block: where the value ends. Text has no end of its own. */
  readonly end: number;
}

export class Reference {
  private readonly row: protobuf.Type;
  /** Columns by INET_DIAG_*; -1 is the message itself. */
  private readonly columns = new Map<number, Column[]>();

  /**
   * @param fields the text of fields.def
   * @param proto the text of netsoak.proto
   */
  constructor(fields: string, proto: string) {
    this.row = protobuf.parse(proto, new protobuf.Root(), { keepCase: true }).root.lookupType('netsoak.v1.Row');
    const attributes = new Map([...fields.matchAll(/^BLOCK\((\w+), (-?\d+),/gm)].map(([, block, attribute]) => [block, Number(attribute)]));
    for (const [, macro, list] of fields.matchAll(/^(U8|U16|U32|U64|BE16|BITS|ADDRESS|TEXT|CONGESTION)\((.*)\)$/gm)) {
      const [, name = '', block = '', ...numbers] = (list ?? '').split(', ');
      const attribute = attributes.get(block) ?? -1;
      if (attribute < 0 && block !== 'kMessage') continue;
      const columns = this.columns.get(attribute) ?? [];
      columns.push(column(macro ?? '', name, numbers.map(Number)));
      this.columns.set(attribute, columns);
    }
  }

  /** An object for each message of `bytes`, which are sockets one behind the other. */
  decode(bytes: Uint8Array): Fields[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const rows: Fields[] = [];
    for (let at = 0; at + MESSAGE_HEADER <= bytes.length; ) {
      const length = view.getUint32(at, true);
      if (length < MESSAGE_HEADER) break;
      rows.push(this.one(view, at + MESSAGE_HEADER, at + length));
      at += (length + 3) & ~3;
    }
    return rows;
  }

  /** The rows as an envelope with its length in front. */
  encode(rows: readonly Fields[]): Uint8Array {
    const writer = protobuf.Writer.create().fork();
    for (const row of rows) {
      // Envelope.row.
      writer.uint32((10 << 3) | 2).fork();
      this.row.encode(row, writer);
      writer.ldelim();
    }
    return writer.ldelim().finish();
  }

  private one(view: DataView, from: number, end: number): Fields {
    const row: Fields = {};
    this.read(row, -1, view, from, DIAG_MESSAGE);
    for (let at = from + DIAG_MESSAGE; at + ATTRIBUTE_HEADER <= end; ) {
      const length = view.getUint16(at, true);
      if (length < ATTRIBUTE_HEADER || at + length > end) break;
      this.read(row, view.getUint16(at + 2, true) & TYPE_MASK, view, at + ATTRIBUTE_HEADER, length - ATTRIBUTE_HEADER);
      at += (length + 3) & ~3;
    }
    return row;
  }

  private read(row: Fields, attribute: number, view: DataView, at: number, length: number): void {
    for (const { name, read, end } of this.columns.get(attribute) ?? []) {
      const value = end <= length ? read(view, at, length) : undefined;
      if (value !== undefined && value !== 0 && value !== '') row[name] = value;
    }
  }
}

function column(macro: string, name: string, [offset = 0, shift = 0, bits = 0]: readonly number[]): Column {
  switch (macro) {
    case 'U8':
      return { name, end: offset + 1, read: (view, at) => view.getUint8(at + offset) };
    case 'U16':
      return { name, end: offset + 2, read: (view, at) => view.getUint16(at + offset, true) };
    case 'BE16':
      return { name, end: offset + 2, read: (view, at) => view.getUint16(at + offset) };
    case 'U32':
      return { name, end: offset + 4, read: (view, at) => view.getUint32(at + offset, true) };
    case 'U64':
      return { name, end: offset + 8, read: (view, at) => wide(view.getUint32(at + offset, true), view.getUint32(at + offset + 4, true)) };
    case 'BITS':
      return { name, end: offset + 1, read: (view, at) => (view.getUint8(at + offset) >> shift) & ((1 << bits) - 1) };
    case 'ADDRESS':
      return { name, end: offset + 16, read: (view, at) => address(view, at, offset) };
    case 'CONGESTION':
      return { name, end: 1, read: (view, at, length) => CONGESTION.indexOf(text(view, at, length)) + 1 };
    default:
      return { name, end: 1, read: text };
  }
}

function wide(low: number, high: number): number | Wide {
  return high === 0 ? low : { low, high };
}

/** Always 16 bytes; what follows an IPv4 address is zero whatever the kernel left there. */
function address(view: DataView, at: number, offset: number): Uint8Array {
  const sent = new Uint8Array(view.buffer, view.byteOffset + at + offset, view.getUint8(at) === AF_INET ? 4 : 16);
  const bytes = new Uint8Array(16);
  bytes.set(sent);
  return bytes;
}

/** Up to the first NUL; the kernel's names are ASCII. */
function text(view: DataView, at: number, length: number): string {
  let found = '';
  for (let i = at; i < at + length && view.getUint8(i) !== 0; i++) found += String.fromCharCode(view.getUint8(i));
  return found;
}
