/** `netsoakd snapshot`: one poll of every namespace to stdout. Without rights, of the one it stands in. */
import type { NamespaceResult } from '../native/index.js';
import type { Config } from './config.js';
import { EXIT, type ExitCode } from './errors.js';
import { type Exporter, type ExportFailure, readerLeft } from './export/exporter.js';
import { openStdout } from './export/stdout.js';
import { discover } from './namespaces.js';
import { Books, Outbox } from './outbox.js';
import { openConfiguredReader } from './reading.js';
import { requireOneReadable } from './rights.js';

/**
 * @throws MissingRight when no namespace may be entered, Fault when stdout does not take the rows
 */
export async function runSnapshot(config: Config, version: string, format: 'table' | 'jsonl' | 'proto'): Promise<ExitCode> {
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
  const { namespaces } = await discover(config['namespace-dirs']);
  const reader = openConfiguredReader(config, version, format === 'proto' ? 'protobuf' : 'jsonl', (envelope) => outbox.push(envelope));
  const result = await reader.poll(namespaces);
  await outbox.flushed();
  await reader.close();
  requireOneReadable(result.namespaces);
  tellFailures(result.namespaces);
  if (failure !== undefined) readerLeft(failure);
  else if (format === 'table') await printTable(lines, stdout);
  await stdout.close();
  return EXIT.ok;
}

async function printTable(lines: readonly string[], stdout: Exporter): Promise<void> {
  const [{ formatTable }, { default: chalk }] = await Promise.all([import('./table.js'), import('chalk')]);
  const rows = lines
    .flatMap((text) => text.split('\n').filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  await stdout.write(Buffer.from(formatTable(rows, chalk)), rows.length).catch(readerLeft);
}

/** One line a kind of failure; a namespace that is gone was never there. */
function tellFailures(results: readonly NamespaceResult[]): void {
  const kinds = new Map<string, number>();
  for (const { status, step, interrupted } of results) {
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
