import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodePcap, FilterError, lineReader } from './index.js';

const CAPTURE = readFileSync(fileURLToPath(new URL('./fixtures/captures/linux-6.8.12-100.pcap', import.meta.url)));
const json = decodePcap(CAPTURE, 'jsonl').output;
const frames = decodePcap(CAPTURE, 'protobuf').output;

type Line = Record<string, number | string>;
const parse = (text: Buffer) =>
  text
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

/** The frames of a stream, one by one. */
function split(stream: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    let length = 0;
    let head = 0;
    let byte = 0x80;
    while (byte & 0x80) {
      byte = stream[at + head] as number;
      length += (byte & 0x7f) * 2 ** (7 * head++);
    }
    found.push(stream.subarray(at, at + head + length));
    at += head + length;
  }
  return found;
}
const lines = (format: 'protobuf' | 'jsonl', filter: string) => {
  const read = lineReader(format, filter);
  const parts = format === 'jsonl' ? [json] : split(frames);
  return parts.flatMap((part) => {
    const { text, rows } = read(part);
    expect(parse(text)).toHaveLength(rows);
    return parse(text);
  });
};
const withoutZeros = (line: Line) => Object.fromEntries(Object.entries(line).filter(([, value]) => value !== 0 && value !== '0'));

describe('the rows of an envelope as lines', () => {
  it('are those of the JSON form; out of protobuf without the zeros, which it does not carry', () => {
    const all = parse(json);
    expect(all.length).toBeGreaterThan(100);
    expect(lines('jsonl', '')).toEqual(all);
    expect(lines('protobuf', '')).toEqual(all.map(withoutZeros));
  });

  it.each([
    [
      'sport = :4000 or dport = :4000',
      (line: Line) => line.inet_diag_msg_socket_source_port === 4000 || line.inet_diag_msg_socket_destination_port === 4000,
    ],
    ['src inet6:*', (line: Line) => line.inet_diag_msg_family === 10],
    [
      'src 127.0.0.0/8 and not dst 127.0.0.1',
      (line: Line) => String(line.inet_diag_msg_socket_source).startsWith('127.') && line.inet_diag_msg_socket_destination !== '127.0.0.1',
    ],
    ['sport > :30000', (line: Line) => Number(line.inet_diag_msg_socket_source_port) > 30_000],
    ['mark = 7', () => false],
  ])('are selected by a filter as the kernel would: %s', (filter, wanted) => {
    const cookies = parse(json)
      .filter(wanted)
      .map((line) => line.inet_diag_msg_socket_cookie);
    for (const format of ['jsonl', 'protobuf'] as const)
      expect(lines(format, filter).map((line) => line.inet_diag_msg_socket_cookie)).toEqual(cookies);
  });

  it('refuse a filter that rows cannot answer, and bytes that are no envelope', () => {
    expect(() => lineReader('protobuf', 'autobound')).toThrow(FilterError);
    expect(() => lineReader('protobuf', 'sport ~ 1')).toThrow(FilterError);
    for (const bytes of ['ff', '02ffff', '7fffffffff', '0452020880', '05520308', '0408015200', '0210ff']) {
      expect(() => lineReader('protobuf', '')(Buffer.from(bytes, 'hex')), bytes).toThrow('no envelope');
    }
    expect(() => lineReader('jsonl', '')(Buffer.from('{"a":1}'))).toThrow('no envelope');
  });

  it('never reads beyond a cut envelope', () => {
    const [frame] = split(frames);
    const body = (frame as Buffer).subarray((frame as Buffer).indexOf(0x52));
    const read = lineReader('protobuf', 'sport > :1');
    // A length of two bytes that is right, and a first row that is not all there.
    const row = 3 + ((body[1] as number) & 0x7f) + ((body[2] as number) << 7);
    expect(row).toBeGreaterThan(130);
    for (let length = 128; length < row; length++) {
      const cut = Buffer.concat([Buffer.from([(length & 0x7f) | 0x80, length >> 7]), body.subarray(0, length)]);
      expect(() => read(cut), String(length)).toThrow('no envelope');
    }
  });
});
