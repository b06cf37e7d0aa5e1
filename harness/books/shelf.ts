/** One book of the table with the questions that it puts to it. */
import type { BooksDatabase, TablePages } from './database.js';
import { TableBook, type TableBookOptions } from './table-book.js';

const ASK_POLLS = 300;

export class Shelf {
  readonly book: TableBook;

  constructor(
    options: TableBookOptions,
    /** Which pages of the table are its own. */
    private readonly pagesOf: (database: BooksDatabase) => TablePages,
  ) {
    this.book = new TableBook(options);
  }

  /** @param last nothing more will come. @throws Error when the table does not answer */
  async ask(database: BooksDatabase, last: boolean): Promise<void> {
    const pages = this.pagesOf(database);
    const ids = this.book.questions(ASK_POLLS);
    const apart = ids.length === 0 ? [] : this.book.answer(ids, await pages.sums(ids), last);
    for (const id of apart) this.book.rows(id, await pages.rows(id));
  }

  /** Whether what was missing came after all. @throws Error when the table does not answer */
  async askForLate(database: BooksDatabase): Promise<void> {
    for (const id of this.book.short) this.book.afterAll(id, await this.pagesOf(database).rows(id));
  }
}
