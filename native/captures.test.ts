import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodePcap } from './index.js';
import { type JsonRow, parseSs, ssDifference } from './ss-text.js';

const folder = fileURLToPath(new URL('./fixtures/captures/', import.meta.url));
const captures = readdirSync(folder).filter((name) => name.endsWith('.pcap'));

function rowsOf(name: string): JsonRow[] {
  const lines = decodePcap(readFileSync(folder + name), 'jsonl')
    .output.toString()
    .trimEnd()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as JsonRow);
}

test('the captures are there', () => {
  expect(captures).toHaveLength(7);
});

describe.each(captures)('%s', (name) => {
  const rows = rowsOf(name);
  const sockets = parseSs(readFileSync(folder + name.replace('.pcap', '.ss.txt'), 'utf8'));

  test('every socket that ss printed is decoded, each value as ss printed it', () => {
    // A capture may hold several dumps, one after the other; ss printed one of them.
    const rowsOfSocket = (cookie: string) => rows.filter((row) => row.inet_diag_msg_socket_cookie === cookie);
    const differences = sockets.flatMap((socket) => {
      const candidates = rowsOfSocket(socket.cookie).map((row) => ssDifference(socket, row));
      if (candidates.includes('')) return [];
      return `socket ${socket.cookie}: ${candidates.sort((a, b) => a.length - b.length)[0] ?? 'not in the capture'}`;
    });
    expect(differences).toEqual([]);
  });

  test('no socket is decoded that ss did not print', () => {
    const printed = new Set(sockets.map((socket) => socket.cookie));
    expect(rows.filter((row) => !printed.has(String(row.inet_diag_msg_socket_cookie)))).toEqual([]);
    expect(rows.length % sockets.length).toBe(0);
  });

  test('nothing in it is unknown', () => {
    expect(decodePcap(readFileSync(folder + name), 'jsonl').unknown).toEqual({});
  });
});
