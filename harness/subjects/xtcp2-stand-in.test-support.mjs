/**
 * A stand-in for the collector that harness/subjects/xtcp2.json describes: the same flags, which it refuses to do without, and what it writes to
 * the same places. The rows are those of the reference subject, less what its record has no column for.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Long from 'long';
import { addressKey } from '../../dist/harness/judge/address.js';
import { loadSchema } from '../../dist/harness/judge/row.js';

const PROJECT = join(import.meta.dirname, '../..');
const { envelope, row: Row } = loadSchema(join(PROJECT, 'collector/netsoak.proto'), false);

/** Numbers from 3000 are not its own (collector/netsoak.proto). */
const FIRST_FOREIGN = 3000;

const flags = new Map();
for (let words = process.argv.slice(2); words.length > 0; words = words.slice(2)) flags.set(words[0], words[1]);
const [dest, marshal, listen, frequency] = ['-dest', '-marshal', '-promListen', '-frequency'].map((name) => {
  const value = flags.get(name);
  if (value === undefined || !flags.delete(name)) fail(`flag needed: ${name}`);
  return value;
});
if (flags.size > 0) fail(`flag provided but not defined: ${[...flags.keys()].join(' ')}`);
if (!dest.startsWith('unix:') || marshal !== 'protobufList' || !/^\d+(\.\d+)?s$/.test(frequency)) fail('a value is not understood');

function fail(words) {
  process.stderr.write(`${words}\n`);
  process.exit(2);
}

const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);

/** As the marshaller does it, and as the destination does it once more. */
const framed = (bytes) => Buffer.concat([Buffer.from(varint(bytes.length)), bytes]);

const far = connect(dest.slice('unix:'.length));
const [host, port] = listen.split(':');
const ownPort = Number(port);
createServer((_, response) => response.end('xtcp_gauge 1\n')).listen(ownPort, host);
const source = spawn(join(PROJECT, 'native/build/netsoak-reference'), [frequency.slice(0, -1), String(ownPort + 1)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.on('SIGTERM', () => source.kill('SIGTERM'));
source.once('close', (code) => far.end(() => process.exit(code ?? 1)));

let rows = [];
createInterface({ input: source.stdout }).on('line', (line) => {
  rows.push(record(JSON.parse(line)));
  if (rows.length === 1) setImmediate(flush);
});

function flush() {
  const batch = rows;
  rows = [];
  far.write(framed(framed(envelope.encode({ row: batch }).finish())));
}

function record(wire) {
  const values = {};
  for (const [name, value] of Object.entries(wire)) {
    const field = Row.fields[name];
    if (!field || field.id >= FIRST_FOREIGN) continue;
    if (field.type === 'bytes') values[name] = Buffer.from(addressKey(value), 'latin1');
    else values[name] = /64$/.test(field.type) ? Long.fromString(value, field.type === 'uint64') : value;
  }
  return Row.create(values);
}
