/** The questions that the books put to ClickHouse. Each row's print is a column that ClickHouse computes as the row comes in. */

import { u64FromText } from '../judge/u64.js';
import { ClickHouse } from '../pipeline/clickhouse.js';
import { RECORD_COLUMNS, RECORD_ENTRY, type RecordValues, recordPrint } from './record.js';
import type { TableRow, TableSum } from './table-book.js';

/** Not in the schema of the product; a MATERIALIZED column is in no `SELECT *` and no INSERT. */
const PRINT = 'netsoak_print';

/** One of the books of the table: what is put together under one id, and what the table has of it. */
export interface TablePages {
  /** Those that the table has nothing of are absent. */
  sums(ids: readonly string[]): Promise<TableSum[]>;
  rows(id: string): Promise<TableRow[]>;
}

export class BooksDatabase {
  /** Rows of polls, by poll. */
  readonly polls: TablePages;
  /** Final rows, by the second of their stamps. */
  readonly finals: TablePages;
  /** Records of polls, by poll. */
  readonly records: TablePages;

  private constructor(
    private readonly server: ClickHouse,
    /** `database.table` */
    private readonly table: string,
  ) {
    this.polls = this.#pagesOf('ROW_KIND_POLL', 'poll_id');
    this.finals = this.#pagesOf('ROW_KIND_CLOSED', 'intDiv(timestamp_ns,1000000000)');
    this.records = {
      sums: async (ids) => (await this.#records(ids)).map(({ poll, row: { netns, print } }) => sumOf(poll, netns, BigInt(print))),
      rows: async (id) => (await this.#records([id])).map(({ row }) => row),
    };
  }

  /** @param print the expression that gives a row's print */
  static async open(url: string, table: string, print: string): Promise<BooksDatabase> {
    const server = await ClickHouse.start('', { url });
    await server.query(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${PRINT} UInt32 MATERIALIZED ${print}`);
    return new BooksDatabase(server, table);
  }

  /**
   * FINAL is what a reader says who can't wait for merges. PREWHERE picks the rows before that: copies of a row have the same poll and stamp, and
   * the other rows of the table need not be merged for nothing.
   */
  #pagesOf(kind: string, page: string): TablePages {
    const from = (ids: readonly string[]) => `FROM ${this.table} FINAL PREWHERE kind = '${kind}' AND ${page} IN (${ids.join(',')})`;
    const of = `${page} AS page, netns_cookie, count(), uniqExact(inet_diag_msg_socket_cookie), sum(${PRINT}), sum(toUInt64(${PRINT})*${PRINT})`;
    return {
      sums: async (ids) => {
        const lines = await this.#lines(`SELECT ${of} ${from(ids)} GROUP BY page, netns_cookie`);
        return lines.map(([poll = '', netns = '', rows, sockets, prints = '0', squares = '0']) => ({
          poll,
          netns: u64FromText(netns),
          rows: Number(rows),
          sockets: Number(sockets),
          prints: BigInt(prints),
          squares: BigInt(squares),
        }));
      },
      rows: async (id) => {
        const lines = await this.#lines(`SELECT netns_cookie, inet_diag_msg_socket_cookie, ${PRINT} ${from([id])}`);
        return lines.map(([netns = '', cookie = '', print]) => ({
          netns: u64FromText(netns),
          cookie: u64FromText(cookie),
          print: Number(print),
        }));
      },
    };
  }

  /** There are so few of them that their values are asked for as they are. */
  async #records(polls: readonly string[]): Promise<{ readonly poll: string; readonly row: TableRow }[]> {
    const columns = RECORD_COLUMNS.join(', ');
    const lines = await this.#lines(`SELECT ${columns} FROM ${this.table}_polls FINAL WHERE poll_id IN (${polls.join(',')})`);
    return lines.map((line) => {
      const values: RecordValues = Object.fromEntries(RECORD_COLUMNS.map((column, i) => [column, line[i] ?? '']));
      return { poll: String(values.poll_id), row: { ...RECORD_ENTRY, print: recordPrint(values) } };
    });
  }

  /** Rows that came in, also those that are not merged yet. */
  async count(): Promise<number> {
    return Number((await this.server.query(`SELECT count() FROM ${this.table}`)).trim());
  }

  /** Messages that it could not read. */
  async unreadable(): Promise<number> {
    return Number((await this.server.query(`SELECT count() FROM ${this.table}_errors`)).trim());
  }

  async #lines(sql: string): Promise<string[][]> {
    const text = await this.server.query(`${sql} FORMAT TabSeparated`);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
  }
}

/** Of one row. */
function sumOf(poll: string, netns: TableSum['netns'], print: bigint): TableSum {
  return { poll, netns, rows: 1, sockets: 1, prints: print, squares: print * print };
}
