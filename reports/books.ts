/** The reconciliation of a pipeline: what each book holds, what is wrong between two of them, and the first rows of each kind by name. */
import {
  type Border,
  INVARIANT_OF,
  INVARIANT_OF_CRASH,
  type Line,
  type Lives,
  type StoredTally,
  type Tally,
  WRONG_OF_JUDGE,
  WRONGS,
} from '../harness/books/tally.js';
import type { RunEvent, Stored } from '../harness/facts/events.js';
import { moment, plain } from '../harness/verdict/quantity.js';
import { eventsOf } from '../harness/verdict/timeline.js';
import { type Html, html } from './html.js';
import { sign } from './sections.js';

const BOOKS: readonly { readonly name: keyof Tally['books']; readonly title: string; readonly what: string; readonly border?: Border }[] = [
  { name: 'kernel', title: 'Kernel', what: 'sockets that had to be seen, by the list of the load that made them' },
  { name: 'daemon', title: 'Daemon', what: 'rows that its records of polls claim', border: 'kernel-daemon' },
  { name: 'topic', title: 'Kafka', what: 'distinct rows, each message decoded', border: 'daemon-topic' },
  { name: 'table', title: 'ClickHouse', what: 'rows that agree with the topic in every column', border: 'topic-table' },
];

/** Lines of what is counted beside the rows of polls. */
const LINES: readonly {
  readonly name: 'finals' | 'records';
  readonly owed: readonly [title: string, what: string];
  readonly of: string;
}[] = [
  {
    name: 'finals',
    owed: ['Kernel', 'ends of connections that the load closed at once'],
    of: 'final rows of sockets that closed, whole run',
  },
  { name: 'records', owed: ['Daemon', 'polls that it told of when it was asked last'], of: 'records of polls, whole run' },
];

/** Offences of one kind that are named. */
const SHOWN = 3;

/** `null` for a run without a pipeline. */
export function booksSection(events: readonly Stored<RunEvent>[]): Html | null {
  const last = eventsOf(events, 'books').at(-1);
  if (!last) return null;
  const { tally, settled } = last;
  return html`<section id="books"><h2>Reconciliation</h2> <span class="quiet">${settled ? 'every poll of the measured phase is settled' : `${plain(tally.pending)} polls, records or seconds of final rows are not settled`}</span>
<div class="scroll"><table><thead><tr><th scope="col">Book</th><th scope="col" class="number">Polls</th><th scope="col" class="number">Rows</th>${WRONGS.map((wrong) => html`<th scope="col" class="number">${wrong}</th>`)}<th scope="col">What is counted</th></tr></thead><tbody>
${BOOKS.map(
  ({
    name,
    title,
    what,
    border,
  }) => html`<tr><th scope="row">${title}</th><td class="number">${plain(tally.books[name].polls)}</td><td class="number">${plain(tally.books[name].rows)}</td>${WRONGS.map((wrong) => count(border === undefined ? undefined : tally.borders[border][wrong]))}<td class="quiet">${what}</td></tr>
`,
)}${LINES.map((line) => linesOf(tally, line))}</tbody></table></div>
<p class="how">Each line is held against the one above it, for every poll and namespace: <i>lost</i> rows are missing from this book, <i>duplicated</i> ones are in it twice, <i>changed</i> ones have another value in some column, <i>late</i> ones came after later polls were whole. All must be 0. The daemon has more rows than the kernel's list had to show, since sockets that are being made or closed may be seen or not; from the daemon to ClickHouse the numbers are the same in a good run. Values are compared by a checksum over every column of every row; where it differs, rows are compared one by one. Final rows and records of polls are counted from the first to the last of the run: more sockets close than the load closes on purpose, and a daemon goes on after it was asked last, so the first number of each is the least that must be in Kafka.</p>
<ul class="notes">${besides(tally).map((words) => html`<li>${words}</li>`)}</ul>
${examples(events)}</section>`;
}

function linesOf(tally: StoredTally, { name, owed: [title, what], of }: (typeof LINES)[number]): Html | null {
  const kept = tally[name];
  if (kept === undefined) return null;
  const { owed, topic, table, toTopic, toTable } = kept;
  const line = (book: string, holds: number, wrongs: Line['toTopic'] | undefined, words: string): Html =>
    html`<tr><th scope="row">${book}</th><td class="number"></td><td class="number">${plain(holds)}</td>${WRONGS.map((wrong) => count(wrongs?.[wrong]))}<td class="quiet">${words}</td></tr>
`;
  return html`${line(title, owed, undefined, `${of}: ${what}`)}${line('Kafka', topic, toTopic, of)}${line('ClickHouse', table, toTable, `${of}, that agree with the topic in every column`)}`;
}

function count(rows: number | undefined): Html {
  if (rows === undefined) return html`<td class="number"></td>`;
  return rows === 0 ? html`<td class="number">0</td>` : html`<td class="number"><b>${sign('fail')} ${plain(rows)}</b></td>`;
}

/** What is no fault by itself. */
function besides({ redelivered, lostInCrash, lives }: StoredTally): string[] {
  return [
    redelivered.messages === 0
      ? 'No message was delivered twice.'
      : `${plain(redelivered.messages)} messages with ${plain(redelivered.rows)} rows stand in the topic again after a retry; delivery is at least once, and ClickHouse has their rows once.`,
    lostInCrash.rows === 0
      ? 'No row died in the memory of a daemon that was killed.'
      : `${plain(lostInCrash.rows)} rows died in the memory of a daemon that was killed, ${moment(lostInCrash.ageSeconds)} at most after their poll had ended.`,
    ...(lostInCrash.beyond > 0
      ? [
          `${plain(lostInCrash.beyond)} rows are lost that were not in memory when the daemon was killed: it had told them as handed over or on disk, or had read them a flush before.`,
        ]
      : []),
    ...(lives === undefined
      ? ['The version of netsoak that made this run kept no books of final rows, records of polls and lives of the daemon.']
      : aboutLives(lives)),
  ];
}

function aboutLives(lives: Lives): string[] {
  return [
    ...(lives.unasked === 0
      ? []
      : [
          `Lives of the daemon that were killed before anybody asked them, within a flush of their beginning: ${plain(lives.unasked)} of ${plain(lives.over)}. They owe nothing, and what came of them is in the table.`,
        ]),
    ...(lives.unknown === 0
      ? []
      : [
          `Lives of the daemon that nobody could ask what they had read: ${plain(lives.unknown)} of ${plain(lives.over)}. What they owe is not known.`,
        ]),
    ...(lives.missing === 0
      ? []
      : [
          `${plain(lives.missing)} rows that the daemon says it read are not in Kafka, though no record of a poll lacks them: they count as lost.`,
        ]),
  ];
}

function examples(events: readonly Stored<RunEvent>[]): Html[] {
  const all = eventsOf(events, 'offence');
  return WRONGS.flatMap((wrong) => {
    const found = all.filter(
      ({ invariant }) =>
        invariant === INVARIANT_OF[wrong] || (wrong === 'lost' && invariant === INVARIANT_OF_CRASH) || WRONG_OF_JUDGE[invariant] === wrong,
    );
    if (found.length === 0) return [];
    return [
      html`<h3>${wrong} <span class="quiet">${plain(found.length)} told</span></h3><ul class="steps">
${found.slice(0, SHOWN).map(({ at, detail, poll }) => html`<li>${sign('fail')} <span class="what">${detail}</span> <span class="quiet">${poll !== undefined && html`poll ${poll}, `}at ${moment(at)}</span></li>\n`)}</ul>`,
    ];
  });
}
