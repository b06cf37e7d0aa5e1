/** The questions that the books put to ClickHouse. Each row's print is a column that ClickHouse computes as the row comes in. */

import { u64FromText } from '../judge/u64.js';
import { ClickHouse } from '../pipeline/clickhouse.js';
import type { TableRow, TableSum } from './table-book.js';

/** Not in the schema of the product; a MATERIALIZED column is in no `SELECT *` and no INSERT. */
const PRINT = 'netsoak_print';
/** What a reader does who can't wait for merges. */
const ROWS_OF_POLLS = `FINAL WHERE kind = 'ROW_KIND_POLL' AND poll_id IN`;

export class BooksDatabase {
  private constructor(
    private readonly server: ClickHouse,
    /** `database.table` */
    private readonly table: string,
  ) {}

  /** @param print the expression that gives a row's print */
  static async open(url: string, table: string, print: string): Promise<BooksDatabase> {
    const server = await ClickHouse.start('', { url });
    await server.query(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${PRINT} UInt32 MATERIALIZED ${print}`);
    return new BooksDatabase(server, table);
  }

  async sums(polls: readonly string[]): Promise<TableSum[]> {
    const of = `poll_id, netns_cookie, count(), uniqExact(inet_diag_msg_socket_cookie), sum(${PRINT}), sum(toUInt64(${PRINT})*${PRINT})`;
    const lines = await this.#lines(`SELECT ${of} FROM ${this.table} ${ROWS_OF_POLLS} (${polls.join(',')}) GROUP BY poll_id, netns_cookie`);
    return lines.map(([poll = '', netns = '', rows, sockets, prints = '0', squares = '0']) => ({
      poll,
      netns: u64FromText(netns),
      rows: Number(rows),
      sockets: Number(sockets),
      prints: BigInt(prints),
      squares: BigInt(squares),
    }));
  }

  async rows(poll: string): Promise<TableRow[]> {
    const lines = await this.#lines(
      `SELECT netns_cookie, inet_diag_msg_socket_cookie, ${PRINT} FROM ${this.table} ${ROWS_OF_POLLS} (${poll})`,
    );
    return lines.map(([netns = '', cookie = '', print]) => ({
      netns: u64FromText(netns),
      cookie: u64FromText(cookie),
      print: Number(print),
    }));
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
