/** What a pipeline must hold: the books of kernel, daemon, topic and table agree (harness/books/). */
import type { Invariant, Requirement } from '../../harness/facts/plan.js';

/** @param isWell nothing is broken on purpose @param broken rows that a fault destroys before they were handed over */
export function booksInvariants(isWell: boolean, broken: number): Invariant[] {
  const zero = (name: string, series: string, why: string): Invariant => ({ name, type: 'ceiling', series, max: 0, why });
  return [
    {
      ...zero('books-lost', 'books.lost', 'every row that the kernel had, the daemon read or the topic held is in the book after it'),
      ...(broken > 0 && { max: broken }),
    } as Invariant,
    zero('books-duplicated', 'books.duplicated', 'no row is made twice, and what was delivered twice is in the table once'),
    zero('books-changed', 'books.changed', 'each row has the same values in every book'),
    zero('books-late', 'books.late', 'no row comes after polls that began later were whole'),
    zero(
      'books-lost-in-crash',
      'books.lostBeyondCrash',
      'a kill costs what was in memory: not what the daemon had told as handed over or on disk, nor what it had read a flush before',
    ),
    ...(isWell
      ? [
          zero('nothing-died', 'books.lostInCrash', 'nothing is lost to a crash where nobody crashes'),
          zero('no-redelivery', 'books.redelivered', 'nothing is sent again where nothing fails'),
        ]
      : []),
  ];
}

/** Without these a green run would mean nothing. */
export function booksSettled(rows: number): Requirement[] {
  return [
    { name: 'rows reconciled', series: 'books.rows', required: rows, why: 'so many rows agreed in all four books' },
    { name: 'books settled', series: 'books.settled', required: 1, why: 'no poll was left open in any book' },
  ];
}
