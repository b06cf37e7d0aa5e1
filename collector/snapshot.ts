/** `netsoakd snapshot`: one poll of every namespace to stdout. Without rights, of the one it stands in. */
import { type NamespaceResults, wireFields } from '../native/index.js';
import { type Config, nearest } from './config.js';
import { EXIT, type ExitCode, UsageError } from './errors.js';
import { type Exporter, type ExportFailure, readerLeft } from './export/exporter.js';
import { openStdout } from './export/stdout.js';
import { discover, openTable as openNamespaces } from './namespaces.js';
import { Books, Outbox } from './outbox.js';
import { openConfiguredReader } from './reading.js';
import { requireOneReadable } from './rights.js';
import type { JsonRow } from './table.js';

/**
 * @param columns of the table, names with commas between them
 * @throws UsageError when a name is no column, MissingRight when no namespace may be entered, Fault when stdout does not take the rows
 */
export async function runSnapshot(
  config: Config,
  version: string,
  format: 'table' | 'jsonl' | 'proto',
  columns: string,
): Promise<ExitCode> {
  const table = format === 'table' ? await openTable(columns) : undefined;
  const stdout = openStdout(format === 'proto' ? 'protobufList' : 'jsonl');
  const lines: string[] = [];
  // A table knows the width of its columns when it has seen every row.
  const collected: Exporter = { write: async (bytes) => void lines.push(bytes.toString('utf8')), close: async () => {} };
  let failure: ExportFailure | undefined;
  const outbox = new Outbox(format === 'table' ? collected : stdout, new Books(), {
    dropped: () => {},
    broken: (broken) => {
      failure = broken;
    },
  });
  const { namespaces } = await discover(openNamespaces(config['namespace-dirs']));
  const reader = openConfiguredReader(config, version, format === 'proto' ? 'protobuf' : 'jsonl', (envelope) => outbox.push(envelope));
  const result = await reader.poll(namespaces);
  await outbox.flushed();
  await reader.close();
  requireOneReadable(result.namespaces);
  tellFailures(result.namespaces);
  if (failure !== undefined) readerLeft(failure);
  else if (table !== undefined) await printTable(table, lines, stdout);
  await stdout.close();
  return EXIT.ok;
}

type Table = (rows: readonly JsonRow[]) => string;

/** Only those who want a table pay for it. */
async function openTable(list: string): Promise<Table> {
  const [{ COLUMN_NAMES, columnsOf, formatTable }, { default: chalk }] = await Promise.all([import('./table.js'), import('chalk')]);
  const columns = columnsOf(list, new Set(wireFields().map(({ name }) => name)));
  if (typeof columns === 'string') {
    const near = nearest(columns, COLUMN_NAMES);
    throw new UsageError(
      'columns',
      `--columns: there is no column "${columns}"${near === undefined ? '' : `; did you mean "${near}"?`}`,
      `columns are ${COLUMN_NAMES.join(', ')}, and every name of netsoak.proto`,
    );
  }
  return (rows) => formatTable(rows, chalk, columns);
}

async function printTable(table: Table, lines: readonly string[], stdout: Exporter): Promise<void> {
  const rows = lines.flatMap((text) => text.split('\n').filter((line) => line !== '')).map((line) => JSON.parse(line) as JsonRow);
  await stdout.write(Buffer.from(table(rows)), rows.length).catch(readerLeft);
}

/** One line a kind of failure; a namespace that is gone was never there. */
function tellFailures(results: NamespaceResults): void {
  const kinds = new Map<string, number>();
  for (const { status, step, interrupted } of results.troubles()) {
    const kind =
      status === 'ok'
        ? interrupted
          ? 'changed while they were read (rows may be missing)'
          : ''
        : `could not be read (${status} at ${step})`;
    if (kind !== '' && status !== 'gone') kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of kinds) process.stderr.write(`netsoakd: ${count} of ${results.length} namespaces ${kind}\n`);
}
