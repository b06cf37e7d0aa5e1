import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadSchema } from '../judge/row.js';
import { PROJECT } from '../project.js';
import { printInSql, RowPrinter } from './print.js';

const { envelope, row } = loadSchema(join(PROJECT, 'collector/netsoak.proto'), false);
const printer = new RowPrinter(envelope, row);

type Fields = Record<string, number | string | Buffer>;
const written = (...rows: readonly Fields[]): Buffer => Buffer.from(envelope.encode(envelope.fromObject({ row: rows })).finish());
const printOf = (fields: Fields): number | undefined => printer.read(written(fields))[0]?.print;

const SOME: Fields = {
  hostname: 'h',
  netns: '/run/netns/a',
  netns_cookie: '4097',
  inet_diag_msg_socket_cookie: '18446744073709551615',
  poll_id: '1795236864000000001',
  timestamp_ns: '1795236864000000002',
  kind: 1,
  inet_diag_msg_socket_source: Buffer.from('0a000001000000000000000000000000', 'hex'),
  inet_diag_msg_socket_destination: Buffer.from('0a000002000000000000000000000000', 'hex'),
  tcp_info_bytes_acked: '4294967297',
};

describe("a row's print", () => {
  it('comes with the identity of the row, as the judge has it', () => {
    const [one, two, ...more] = printer.read(written(SOME, { ...SOME, netns_cookie: 1, kind: 2 }));
    expect(one).toMatchObject({ poll: '1795236864000000001', netns: 4097, cookie: '18446744073709551615', kind: 1 });
    expect(one?.stampNs).toBe(0n);
    expect(two).toMatchObject({ netns: 1, kind: 2, stampNs: 1_795_236_864_000_000_002n });
    expect(more).toEqual([]);
  });

  it('does not know in which order the fields came, nor of defaults that were sent', () => {
    const backwards = Object.fromEntries(Object.entries(SOME).reverse());
    expect(printOf(backwards)).toBe(printOf(SOME));
    expect(printOf({ ...SOME, label: '', tcp_info_rtt: 0, uplink1_ifname: '' })).toBe(printOf(SOME));
  });

  it('is another one when any single column is', () => {
    const before = printOf(SOME);
    for (const { name, type, resolvedType } of row.fieldsArray) {
      const other = resolvedType || type === 'uint32' ? 7 : type === 'string' ? 'other' : type === 'bytes' ? Buffer.alloc(16, 9) : '7';
      if (name === 'kind') continue;
      expect(printOf({ ...SOME, [name]: other }), name).not.toBe(before);
    }
  });

  it('is another one when addresses or counters trade places, within 32 bits or beyond', () => {
    const { inet_diag_msg_socket_source: a, inet_diag_msg_socket_destination: b } = SOME;
    expect(printOf({ ...SOME, inet_diag_msg_socket_source: b ?? '', inet_diag_msg_socket_destination: a ?? '' })).not.toBe(printOf(SOME));
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (x, y) => {
        fc.pre(x !== y);
        const of = (acked: bigint, received: bigint) =>
          printOf({ ...SOME, tcp_info_bytes_acked: String(acked), tcp_info_bytes_received: String(received) });
        expect(of(x, y)).not.toBe(of(y, x));
      }),
      // One pair in 2^32 is the same by chance.
      { numRuns: 300, seed: 7 },
    );
  });

  it('refuses bytes that are no envelope', () => {
    expect(() => printer.read(Buffer.from([0x52, 0x05, 0x08]))).toThrow('beyond the end');
    expect(() => printer.read(Buffer.from([0x0a, 0x00]))).toThrow('no field 1');
  });

  it('is an expression over every column for ClickHouse', () => {
    const sql = printInSql(row);
    for (const { name } of row.fieldsArray) expect(sql).toContain(name);
    expect(sql).toContain('bitShiftRight(toUInt64(timestamp_ns),32)');
    expect(sql).toContain('toInt8(kind)');
  });
});
