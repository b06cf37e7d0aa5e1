/** The work that `make pgo` lays the addon out for: real captures, to protobuf and to JSON lines, as often as both are used. */
import { readdirSync, readFileSync } from 'node:fs';
import { decodePcap } from './index.js';

const CAPTURES = new URL('../../native/fixtures/captures/', import.meta.url);
const files = readdirSync(CAPTURES).filter((name) => name.endsWith('.pcap'));
for (let round = 0; round < 300; round++) {
  for (const name of files) {
    const file = readFileSync(new URL(name, CAPTURES));
    decodePcap(file, 'protobuf');
    // People read JSON lines now and then; machines take protobuf.
    if (round % 10 === 0) decodePcap(file, 'jsonl');
  }
}
