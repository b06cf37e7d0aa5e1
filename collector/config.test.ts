import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KEYS, nearest, readConfigFile, resolveConfig, rotationOf, spoolOf } from './config.js';
import { parseDuration, parseSize } from './units.js';

const dir = mkdtempSync(join(tmpdir(), 'netsoakd-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const flags = (values: Record<string, unknown>) => resolveConfig([{ prefix: '--', values }]);

function fileWith(text: string): string {
  const file = join(dir, `c${Math.random()}.yaml`);
  writeFileSync(file, text);
  return file;
}

describe('configuration', () => {
  it('has a default for every key', () => {
    const config = resolveConfig([]);
    expect(Object.keys(config).sort()).toEqual([...KEYS].sort());
    expect(config).toMatchObject({
      interval: 10_000,
      jitter: 0.1,
      export: { kind: 'stdout' },
      'flush-rows': 2_000,
      'flush-bytes': 768 << 10,
    });
    expect(config.metrics).toEqual({ host: '127.0.0.1', port: 0 });
  });

  it('lets flags win over the file and the file over the defaults', async () => {
    const layer = await readConfigFile(fileWith('interval: 5s\njitter: 0\nexport: null\nnamespace-dirs: [/a, /b]\n'));
    const config = resolveConfig([layer, { prefix: '--', values: { interval: '250ms' } }]);
    expect(config).toMatchObject({
      interval: 250,
      jitter: 0,
      export: { kind: 'null' },
      'namespace-dirs': ['/a', '/b'],
      format: 'protobufList',
    });
  });

  it('reads JSON as well', async () => {
    const layer = await readConfigFile(fileWith('{"metrics": "[::1]:9109", "flush-bytes": 65536}'));
    expect(resolveConfig([layer])).toMatchObject({ metrics: { host: '::1', port: 9109 }, 'flush-bytes': 65_536 });
  });

  it.each([
    ['interval', '0s'],
    ['interval', '-1s'],
    ['interval', '1'],
    ['interval', '1ms'],
    ['interval', '25h'],
    ['interval', 'banana'],
    ['interval', 'Infinitys'],
    ['jitter', '0.6'],
    ['jitter', '-0.1'],
    ['jitter', ''],
    ['workers', '0'],
    ['workers', '1.5'],
    ['export', 'file:'],
    ['export', '/tmp/x'],
    ['export', 'tcp:somewhere'],
    ['export', 'udp:::1:0'],
    ['export', 'unix:'],
    ['export', 'kafka:a:9092'],
    ['export', 'kafka:a/topic'],
    ['export', 'kafka:a:9092/to pic'],
    ['export', 'kafka:@a:9092/topic'],
    ['export', 'kafka:%@a:9092/topic'],
    ['sasl-mechanism', 'GSSAPI'],
    ['password-file', 'secret'],
    ['export', 'clickhouse:db:8123/a/b'],
    ['export', 'clickhouse:http://db:8123/a'],
    ['spool', 'here'],
    ['spool-bytes', '1000'],
    ['export', 'http://'],
    ['export', 'ftp://a/b'],
    ['format', 'protobuf'],
    ['flush-rows', '0'],
    ['polls', 'stdout'],
    ['polls', 'file:'],
    ['rotate-bytes', '0'],
    ['rotate-age', '1ms'],
    ['rotate-keep', '-1'],
    ['sample', '0'],
    ['sample', 'half'],
    ['closed', 'yes'],
    ['flush-bytes', '2MiB'],
    ['flush-bytes', '64 parsecs'],
    ['metrics', '9109'],
    ['metrics', 'localhost:70000'],
    ['namespace-dirs', 'run/netns'],
    ['hostname', ''],
    ['log-level', 'loud'],
  ])('refuses --%s %j by its name, with what was expected and found', (key, value) => {
    expect(() => flags({ [key]: value })).toThrow(
      new RegExp(`^--${key}: expected .+, found ${JSON.stringify(value).replace('.', '\\.')}$`),
    );
  });

  it('reads what to select: a filter, states, a sample and closed rows', async () => {
    const layer = await readConfigFile(fileWith('closed: true\nsample: 16\nstates: [established, time-wait]\nfilter: dport = :443\n'));
    expect(resolveConfig([layer])).toMatchObject({ closed: true, sample: 16, states: (1 << 1) | (1 << 6), filter: 'dport = :443' });
    expect(resolveConfig([])).toMatchObject({ closed: false, sample: 1, states: 0x1fff, filter: '' });
  });

  it.each([
    ['filter', 'dport = :http or', /^--filter: column 17: .+, in "dport = :http or"$/],
    ['states', 'established,open', /^--states: "open" is no state; states are established, .+, in "established,open"$/],
    ['states', '!all', /^--states: "!all" leaves no state, .+, in "!all"$/],
  ])('says what is wrong inside --%s %j', (key, value, sentence) => {
    expect(() => flags({ [key]: value })).toThrow(sentence);
  });

  it('refuses a filter that nobody can apply to closed sockets', () => {
    const filter = 'fwmark = 0x10';
    expect(flags({ filter })).toMatchObject({ filter, closed: false });
    expect(() => flags({ filter, closed: 'true' })).toThrow(
      'filter asks for mark, which the kernel does not tell of a closed socket: leave it out, or set closed to false',
    );
  });

  it('reads where rows go', () => {
    const target = (text: string) => flags({ export: text }).export;
    expect(target('tcp:db.example:9000')).toEqual({ kind: 'tcp', host: 'db.example', port: 9_000 });
    expect(target('udp:[::1]:9000')).toEqual({ kind: 'udp', host: '::1', port: 9_000 });
    expect(target('unix:/run/a:b')).toEqual({ kind: 'unix', path: '/run/a:b' });
    const brokers = [
      { host: 'a', port: 9092 },
      { host: '::1', port: 9093 },
    ];
    expect(target('kafka:a:9092,[::1]:9093/tcp.rows')).toEqual({ kind: 'kafka', brokers, topic: 'tcp.rows' });
    expect(flags({ export: 'kafka+ssl:a%40b@k:9093/t', 'password-file': '/p' }).export).toEqual({
      kind: 'kafka',
      brokers: [{ host: 'k', port: 9093 }],
      topic: 't',
      tls: true,
      user: 'a@b',
    });
    const url = new URL('http://u:p@db:8123/');
    expect(target('clickhouse:http://u:p@db:8123/netsoak/rows')).toEqual({ kind: 'clickhouse', url, database: 'netsoak', table: 'rows' });
    expect(target('https://u:p@db.example/in?x=1')).toEqual({ kind: 'http', url: new URL('https://u:p@db.example/in?x=1') });
  });

  it.each([
    [{ export: 'kafka:bob@a:9092/t' }, 'a user of Kafka needs a password: name the file that holds it by password-file'],
    [{ export: 'kafka:a:9092/t', 'password-file': '/p' }, 'password-file is for a user whom export names without a password'],
    [{ export: 'https://u:p@a/', 'password-file': '/p' }, 'password-file is for a user whom export names without a password'],
    [{ export: 'kafka+ssl:a:9092/t', 'tls-cert': '/c' }, 'tls-cert and tls-key need each other'],
    [{ export: 'kafka:a:9092/t', 'tls-ca': '/c' }, 'tls-ca, tls-cert and tls-key are for TLS, and nothing is exported by it'],
  ])('refuses credentials that nobody asks for, or half of them: %j', (values, sentence) => {
    expect(() => flags(values)).toThrow(sentence);
  });

  it.each([
    { export: 'https://u@a/', 'password-file': '/p', 'tls-ca': '/c' },
    { export: 'null', polls: 'kafka+ssl:u@a:9092/t', 'password-file': '/p', 'tls-ca': '/c', 'tls-cert': '/x', 'tls-key': '/y' },
    { export: 'clickhouse:http://u@a/b/c', 'password-file': '/p' },
  ])('takes credentials of a far end: %j', (values) => {
    expect(flags(values)).toMatchObject({ 'password-file': '/p' });
  });

  it.each([
    ['kafka:bob:opensesame@a:9092/t', 'kafka:bob:***@a:9092/t'],
    ['kafka+ssl:bob:open/ses@me@a:9092/t', 'kafka+ssl:bob:***@a:9092/t'],
    ['clickhouse:http://bob:opensesame@a:9/', 'clickhouse:http://bob:***@a:9/'],
  ])('never shows the password in a target that it refuses: %s', (written, shown) => {
    expect(() => flags({ export: written })).toThrow(new RegExp(`found "${shown.replace(/[*+]/g, '\\$&')}"$`));
  });

  it('refuses a socket path that no kernel takes', () => {
    expect(() => flags({ export: `unixgram:/${'x'.repeat(107)}` })).toThrow(/^--export: expected /);
  });

  it('spools only for a far end, and room for an envelope', () => {
    const far = { export: 'tcp:db:1', spool: '/var/spool/netsoakd' };
    expect(spoolOf(resolveConfig([]))).toBeUndefined();
    expect(spoolOf(flags({ ...far, 'spool-bytes': '2GiB' }))).toEqual({ dir: '/var/spool/netsoakd', bytes: (2 ** 31 / 16) * 15 });
    expect(() => flags({ ...far, export: 'stdout' })).toThrow('spool is for a far end that may not be there, and stdout is none');
    expect(() => flags({ ...far, 'spool-bytes': '1MiB', 'flush-bytes': '1MiB' })).toThrow(
      'spool-bytes (1048576) must be twice flush-bytes (1048576) at least',
    );
  });

  it('rotates no file unless told to', () => {
    expect(rotationOf(resolveConfig([]))).toBeUndefined();
    expect(rotationOf(flags({ 'rotate-bytes': '100MB' }))).toEqual({ bytes: 1e8, age: 0, keep: 10 });
    expect(rotationOf(flags({ 'rotate-age': '24h', 'rotate-keep': '3' }))).toEqual({ bytes: 0, age: 86_400_000, keep: 3 });
  });

  it('refuses one file for rows and for the records of polls', () => {
    expect(() => flags({ export: 'file:/tmp/rows', polls: 'file:/tmp/rows' })).toThrow('polls and export both write /tmp/rows');
  });

  it('refuses values of another kind than text and numbers', async () => {
    const layer = await readConfigFile(fileWith('interval:\n  every: 10s\nmetrics: true\n'));
    expect(() => resolveConfig([layer])).toThrow(
      /interval: expected a duration .*, found \{"every":"10s"\}\n.*metrics: expected off or HOST:PORT.*, found true$/,
    );
  });

  it('names every mistake of file and flags at once, and the nearest key for a typo', async () => {
    const file = fileWith('intervall: 1s\nflushRows: 7\nzebra: 1\n');
    const layer = await readConfigFile(file);
    const complaint = () => resolveConfig([layer, { prefix: '--', values: { jitter: '3' } }]);
    expect(complaint).toThrow(
      [
        `${file}: intervall: no such key; did you mean "interval"?`,
        `${file}: flushRows: no such key; did you mean "flush-rows"?`,
        `${file}: zebra: no such key; keys are ${KEYS.join(', ')}`,
        '--jitter: expected a number from 0 to 0.5, found "3"',
      ].join('\n'),
    );
  });

  it('says where a file is no YAML, and when it is no map', async () => {
    await expect(readConfigFile(fileWith('interval: 1s\n  jitter: [\n'))).rejects.toThrow(/c0\.\d+\.yaml:\d+:\d+: not YAML: /);
    await expect(readConfigFile(fileWith('- interval\n'))).rejects.toThrow(
      /expected keys and values such as "interval: 10s", found \["interval"\]/,
    );
    await expect(readConfigFile(join(dir, 'none.yaml'))).rejects.toThrow(
      /cannot read the configuration file .*none\.yaml: no such file or directory/,
    );
    expect(resolveConfig([await readConfigFile(fileWith('# nothing yet\n'))])).toEqual(resolveConfig([]));
  });

  it('suggests only what is near', () => {
    expect(nearest('expotr', KEYS)).toBe('export');
    expect(nearest('namespaceDirs', KEYS)).toBe('namespace-dirs');
    expect(nearest('colour', KEYS)).toBeUndefined();
  });
});

describe('units', () => {
  it('reads durations with their unit alone', () => {
    expect(['1s', '250ms', '1.5m', '2h', ' 3s '].map(parseDuration)).toEqual([1_000, 250, 90_000, 7_200_000, 3_000]);
    expect(['', 's', '1', '1 s', '1d', '-1s', '1e3s', '1s1s'].map(parseDuration)).toEqual(Array(8).fill(undefined));
  });

  it('tells decimal from binary sizes', () => {
    expect(['1k', '1KiB', '1MB', '1 MiB', '65536', '0.5KiB'].map(parseSize)).toEqual([1_000, 1_024, 1e6, 1_048_576, 65_536, 512]);
    expect(['1.5', '1Q', '-1k', '0.3KiB'].map(parseSize)).toEqual(Array(4).fill(undefined));
  });
});
