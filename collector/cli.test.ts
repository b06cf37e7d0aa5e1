/** The built program as an operator meets it: what it says and which code it exits with when something is wrong. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../dist/collector/main.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'netsoakd-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
}

function fileWith(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

describe('netsoakd', () => {
  it.each([
    [['--intervall', '1s'], "unknown option '--intervall'\nnetsoakd: (Did you mean --interval?)"],
    [['--interval', '0s'], '--interval: expected a duration with its unit from 10ms to 24h, such as 500ms, 10s or 5m, found "0s"'],
    [['--interval'], "option '--interval <DURATION>' argument missing"],
    [['tell'], 'unknown command "tell"; there are snapshot, decode, ctl, tail, explain, verify, sweep-tc and clickhouse-schema, and none'],
    [['snapshot', 'now'], "too many arguments for 'snapshot'"],
    [
      ['--config', '/nonexistent/netsoakd.yaml'],
      'cannot read the configuration file /nonexistent/netsoakd.yaml: no such file or directory',
    ],
    [['decode'], "required option '--pcap <FILE>' not specified"],
    [['decode', '--pcap', '/nonexistent.pcap'], 'cannot read the capture /nonexistent.pcap: no such file or directory'],
    [['decode', '--pcap', program], 'The file is no pcap capture'],
    [['snapshot', '--format', 'xml'], '--format: expected table or jsonl or proto, found "xml"'],
  ])('%j: says what is wrong, exits 64, shows no stack', (args, sentence) => {
    const { status, stderr, stdout } = run(...args);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(status).toBe(64);
  });

  it('names file, key and the nearest key for a typo in the file', () => {
    const file = fileWith('typo.yaml', 'intervall: 1s\n');
    const { status, stderr } = run('--config', file);
    expect(stderr).toBe(`netsoakd: ${file}: intervall: no such key; did you mean "interval"?\n`);
    expect(status).toBe(64);
  });

  it('prints its version', () => {
    expect(run('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^netsoakd \d+\.\d+\.\d+\n$/) });
  });
});
