/** `netsoakd snapshot` on the live kernel and `netsoakd decode` on a capture. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint, TestNamespaces } from '../native/test-namespaces.js';
import { ends, PROGRAM, rowsOfFrames, rowsOfLines } from './daemon.test-support.js';
import { World } from './world.test-support.js';

const CAPTURE = fileURLToPath(new URL('../native/fixtures/captures/linux-6.8.12-100.pcap', import.meta.url));
let world: World;
let namespaces: TestNamespaces;
let name = '';
let made: Endpoint[] = [];
beforeAll(async () => {
  world = await World.open();
  namespaces = world.namespaces();
  name = namespaces.add();
  made = await namespaces.connect(name, 20);
});
afterAll(async () => {
  await namespaces.release();
  await world.close();
});

function run(...args: string[]) {
  const [program, ...rest] = [...world.enter, process.execPath, PROGRAM, ...args];
  const { status, stdout, stderr } = spawnSync(program as string, rest, { maxBuffer: 1 << 28 });
  return { status, stdout, stderr: stderr.toString() };
}

describe('netsoakd snapshot', () => {
  it.each([
    ['proto', rowsOfFrames],
    ['jsonl', rowsOfLines],
  ] as const)('%s: every connection once, in one poll', (format, rowsOf) => {
    const { status, stdout } = run('snapshot', '--format', format);
    const rows = rowsOf(stdout);
    const found = rows.filter((row) => row.netns === name && row.state === 1).map((row) => row.ends);
    expect(found.sort()).toEqual(made.map(ends).sort());
    expect(new Set(rows.map((row) => row.poll)).size).toBe(1);
    expect(status).toBe(0);
  });

  it('table: a line a socket under its columns, without colour in a pipe', () => {
    const { status, stdout } = run('snapshot');
    const [head = '', ...lines] = stdout.toString().trimEnd().split('\n');
    expect(head).toMatch(/^NETNS +STATE +LOCAL +PEER +CC +RTT +CWND +SENT +RECEIVED +RETRANS$/);
    const own = lines.filter((line) => line.startsWith(`${name} `));
    expect(own).toHaveLength(made.length + 3);
    const at = head.indexOf('STATE');
    expect(new Set(own.map((line) => line.slice(at, at + 6).trim()))).toEqual(new Set(['ESTAB', 'LISTEN']));
    expect(stdout.includes('\u001b')).toBe(false);
    expect(status).toBe(0);
  });

  it('is content with a reader who has seen enough', () => {
    // Some 300 kB of lines: far more than a pipe holds.
    const script = 'set -o pipefail; "$@" snapshot --format jsonl | head -c 10';
    const { status, stderr } = spawnSync('bash', ['-c', script, 'bash', ...world.enter, process.execPath, PROGRAM], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe('netsoakd decode', () => {
  it('gives the same rows as JSON lines and as envelopes, and counts what was no socket', () => {
    const json = run('decode', '--pcap', CAPTURE);
    const proto = run('decode', '--pcap', CAPTURE, '--format', 'proto');
    expect([json.status, proto.status]).toEqual([0, 0]);
    const fromJson = rowsOfLines(json.stdout).map((row) => row.ends);
    const fromProto = rowsOfFrames(proto.stdout).map((row) => row.ends);
    expect(fromJson.length).toBeGreaterThan(100);
    expect(fromProto).toEqual(fromJson);
    expect(json.stderr).toMatch(/^netsoakd: skipped: .*\d+ done/);
  });
});

describe('netsoakd verify', () => {
  const mutant = (fault: string) => {
    const addon = fileURLToPath(new URL('../native/build/netsoak-mutants.node', import.meta.url));
    const [program, ...rest] = [
      ...world.enter,
      'env',
      `NETSOAK_ADDON=${addon}`,
      `NETSOAK_MUTANT=${fault}`,
      process.execPath,
      PROGRAM,
      'verify',
    ];
    const { status, stdout } = spawnSync(program as string, rest, { encoding: 'utf8' });
    return { status, last: stdout.trimEnd().split('\n').at(-1), text: stdout };
  };

  it('finds no difference to ss, and has looked at every socket', () => {
    const { status, stdout, stderr } = run('verify');
    const text = stdout.toString();
    expect(text).toMatch(/^0 differences: \d+ values of \d+ sockets in (\d+) of \1 namespaces were compared; /);
    expect(Number(/of (\d+) sockets/.exec(text)?.[1])).toBeGreaterThanOrEqual(made.length + 3);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each([
    ['ipv4-only', ': ss ESTAB, netsoakd missing'],
    ['aliased-addresses', ' peer: ss '],
  ])('tells what a reader with the fault %s gets wrong, and exits 1', (fault, difference) => {
    const { status, text, last } = mutant(fault);
    expect(text).toContain(difference);
    expect(last).toMatch(/^[1-9]\d* differences: /);
    expect(status).toBe(1);
  });
});
