/** A far end for benchmarks, in a process of its own: what it does must not count. Takes everything and keeps nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Sink {
  readonly port: number;
  close(): Promise<void>;
}

const PROGRAM = `
const [kind, path] = process.argv.slice(1);
const ready = (port) => console.log(port);
if (kind === 'udp') {
  const socket = require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1', () => ready(socket.address().port));
} else if (kind === 'http') {
  const server = require('node:http').createServer((request, response) => request.resume().on('end', () => response.end()));
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
} else if (kind === 'clickhouse') {
  // Says of every request what is asked of it: a table is there, INSERT is granted, all rows were written.
  const summary = JSON.stringify({ read_rows: path, written_rows: path });
  const server = require('node:http').createServer((request, response) =>
    request.resume().on('end', () => response.writeHead(200, { 'x-clickhouse-summary': summary }).end('1')),
  );
  server.listen(0, '127.0.0.1', () => ready(server.address().port));
} else {
  const server = require('node:net').createServer((socket) => socket.on('error', () => {}).resume());
  if (kind === 'unix') server.listen(path, () => ready(0));
  else server.listen(0, '127.0.0.1', () => ready(server.address().port));
}
process.stdin.on('end', () => process.exit(0)).resume();
`;

/** Node can't be a Unix socket of datagrams. */
const DATAGRAMS = `
use Socket; $| = 1;
my ($s, $m, $in); socket($s, AF_UNIX, SOCK_DGRAM, 0) && bind($s, pack_sockaddr_un($ARGV[0])) or die "$!";
print "0\\n"; vec($in, 0, 1) = 1; vec($in, fileno($s), 1) = 1;
while (select(my $out = $in, undef, undef, undef)) { last if vec($out, 0, 1); recv($s, $m, 1 << 20, 0); }`;

const KAFKA = fileURLToPath(new URL('./kafka-sink.bench-support.js', import.meta.url));

export type SinkKind = 'tcp' | 'unix' | 'udp' | 'unixgram' | 'http' | 'kafka' | 'clickhouse';

/** @param word path of a Unix socket, a topic, or the rows that ClickHouse is to say it wrote */
export async function startSink(kind: SinkKind, word = ''): Promise<Sink> {
  const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
  const child =
    kind === 'unixgram'
      ? spawn('perl', ['-e', DATAGRAMS, word], { stdio })
      : spawn(process.execPath, kind === 'kafka' ? [KAFKA, word] : ['-e', PROGRAM, kind, word], { stdio });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(port),
    close: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}
