/** `netsoakd decode`: a netlink capture to rows. */
import { readFile } from 'node:fs/promises';
import { decodePcap } from '../native/index.js';
import { CaptureError } from '../native/pcap.js';
import { EXIT, type ExitCode, errnoOf, MissingRight, reasonOf, UsageError } from './errors.js';
import { readerLeft } from './export/exporter.js';
import { openStdout } from './export/stdout.js';

/**
 * @param pcap path of a capture of netlink: pcap or pcapng, also within gzip
 * @throws UsageError when it is no such file, MissingRight when it may not be read
 */
export async function runDecode(pcap: string, format: 'jsonl' | 'proto'): Promise<ExitCode> {
  const file = await readFile(pcap).catch((error: unknown) => {
    const sentence = `cannot read the capture ${pcap}: ${reasonOf(error)}`;
    throw errnoOf(error) === 'EACCES' ? new MissingRight('pcap-read', sentence) : new UsageError('pcap-read', sentence);
  });
  const { output, rows, skipped, unknown } = decode(pcap, file, format);
  const stdout = openStdout(format === 'proto' ? 'protobufList' : 'jsonl');
  await stdout.write(output, rows).catch(readerLeft);
  await stdout.close();
  note('skipped', skipped);
  note('not known to this version', unknown);
  return EXIT.ok;
}

function decode(pcap: string, file: Buffer, format: 'jsonl' | 'proto') {
  try {
    return decodePcap(file, format === 'proto' ? 'protobuf' : 'jsonl');
  } catch (error) {
    if (error instanceof CaptureError) throw new UsageError('pcap', `${pcap}: ${error.message}`);
    throw error;
  }
}

function note(what: string, counts: Readonly<Record<string, number>>): void {
  const parts = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  if (parts.length > 0) process.stderr.write(`netsoakd: ${what}: ${parts.join(', ')}\n`);
}
