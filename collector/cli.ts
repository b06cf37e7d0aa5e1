/** The command line of `netsoakd`: flags to configuration, command to code, errors to sentences and exit codes. */
import tty from 'node:tty';
import { Command, CommanderError } from 'commander';
import { type Config, KEYS, type Layer, readConfigFile, resolveConfig, SETTINGS } from './config.js';
import type { StopSignals } from './daemon.js';
import { CollectorError, EXIT, Fault, UsageError } from './errors.js';
import { COLUMN_NAMES, USUAL_COLUMNS } from './table.js';
import { parseExport, withoutPassword } from './targets.js';
import { packageVersion } from './version.js';

export interface Signals extends StopSignals {
  /** Takes SIGHUP over. */
  readonly onReload: (reload: () => void) => void;
  /** Gives signals their default action back, for commands that have nothing to bring to an end. */
  readonly releaseSignals: () => void;
}

/** Settings that mean something to a single poll. */
const SNAPSHOT_KEYS = [
  'filter',
  'states',
  'sample',
  'workers',
  'namespace-dirs',
  'hostname',
  'location',
  'label',
  'tag',
  'uplinks',
] as const satisfies readonly (keyof Config)[];

/** Settings that a sweep by hand shares with the daemon's own. */
const SWEEP_KEYS = [
  'reconcile-netns',
  'tap-prefix',
  'tc-allocations',
  'tc-min-age',
  'lock-dir',
] as const satisfies readonly (keyof Config)[];

/** Settings by which `clickhouse-schema` is let in, as the daemon is. */
const SCHEMA_KEYS = ['password-file', 'tls-ca', 'tls-cert', 'tls-key'] as const satisfies readonly (keyof Config)[];

/** Where the commands look for a daemon that was started as its unit says. */
const USUAL_SOCKET = '/run/netsoakd/control.sock';

/**
 * Runs one command line.
 * @param args without the program's name
 * @returns the exit code; has written its sentence to stderr when it is not 0
 */
export async function main(args: readonly string[], signals: Signals): Promise<number> {
  let code: number = EXIT.ok;
  const program = build(signals, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return explain(error, program);
  }
}

function build(signals: Signals, done: (code: number) => void): Command {
  const version = packageVersion();
  const program = new Command('netsoakd')
    .description('Reads every TCP socket of every network namespace from the kernel, at an interval, and exports the rows.')
    .version(`netsoakd ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nExit codes: 0 stopped in order, 64 usage or configuration, 70 own fault or rows that could not be handed on, 77 a right is missing.',
    );
  settings(program, KEYS).action(async (flags: Record<string, string>) => {
    const readConfig = () => configure(flags);
    const config = await readConfig();
    const [{ runDaemon }, { createLog }] = await Promise.all([import('./daemon.js'), import('./log.js')]);
    done(await runDaemon({ ...signals, config, readConfig, version, log: createLog(config['log-level'], tty.isatty(2)) }));
  });

  const snapshot = new Command('snapshot').description('One poll of all namespaces to stdout, then exit.');
  settings(snapshot, SNAPSHOT_KEYS)
    .option('--format <FORMAT>', 'table, jsonl or proto', 'table')
    .option('--columns <NAME,...>', `columns of the table: ${COLUMN_NAMES.join(', ')}, or names of netsoak.proto`, USUAL_COLUMNS)
    .action(async ({ format, columns = '', ...flags }: Record<string, string>) => {
      const wanted = oneOf('--format', format, ['table', 'jsonl', 'proto']);
      const config = await configure(flags);
      signals.releaseSignals();
      const { runSnapshot } = await import('./snapshot.js');
      done(await runSnapshot(config, version, wanted, columns));
    });

  const decode = new Command('decode')
    .description('Decode a netlink capture (pcap or pcapng, link type 253, also gzipped). Needs no rights.')
    .requiredOption('--pcap <FILE>', 'the capture')
    .option('--format <FORMAT>', 'jsonl or proto', 'jsonl')
    .action(async ({ pcap, format }: { pcap: string; format: string }) => {
      const wanted = oneOf('--format', format, ['jsonl', 'proto']);
      signals.releaseSignals();
      const { runDecode } = await import('./decode.js');
      done(await runDecode(pcap, wanted));
    });

  const ctl = socketOption(new Command('ctl'))
    .description(
      'Say something to a running daemon, such as: status; interval 5s; poll; burst 10 100ms; reload; route list; tc release ID.',
    )
    .argument('[WORDS...]', 'the command')
    .allowUnknownOption()
    .action(async (words: string[], flags: SocketFlags) => {
      signals.releaseSignals();
      done(await (await import('./commands/control.js')).runCtl(await socketOf(flags), words));
    });
  const profile = socketOption(new Command('profile'))
    .description('Take a profile of a running daemon, for DevTools: .cpuprofile or .heapprofile.')
    .argument('<KIND>', 'cpu or heap')
    .option('--seconds <N>', 'for how long', '10')
    .option('--output <FILE>', 'where to write it; otherwise a file of its own here')
    .action(async (kind: string, { seconds, output }: { seconds: string; output?: string }, command: Command) => {
      signals.releaseSignals();
      // The socket may be named before the word or behind it.
      const socket = await socketOf(command.optsWithGlobals());
      done(await (await import('./commands/control.js')).runProfile(socket, kind, seconds, output ?? ''));
    });
  ctl.addCommand(profile.copyInheritedSettings(program));
  const tail = socketOption(new Command('tail'))
    .description('Rows of a running daemon as they come, as JSON lines. A reader that is too slow loses rows and is told.')
    .option('--filter <EXPR>', `${SETTINGS.filter.help}`, '')
    .action(async ({ filter, ...flags }: SocketFlags & { filter: string }) => {
      signals.releaseSignals();
      done(await (await import('./commands/control.js')).runTail(await socketOf(flags), filter));
    });
  const explainKey = socketOption(new Command('explain'))
    .description('What the reconcilers decided about a route, an interface or a tc object, and why.')
    .argument('<KEY>', 'as route list, interface list and tc plan name it')
    .action(async (key: string, flags: SocketFlags) => {
      signals.releaseSignals();
      done(await (await import('./commands/control.js')).runExplain(await socketOf(flags), key));
    });
  const verify = new Command('verify').description(
    'Hold a snapshot of this host against what ss prints before and after it. Exits 1 when they differ.',
  );
  settings(verify, ['workers', 'namespace-dirs']).action(async (flags: Record<string, string>) => {
    const config = await configure(flags);
    signals.releaseSignals();
    const { runVerify } = await import('./commands/verify.js');
    done(await runVerify(config, version));
  });
  const sweep = new Command('sweep-tc')
    .description(
      'Find dangling tc filters and classes of a bridge, and delete them when told. Exits 0 clean, 2 found some (dry run), 3 some failed, 4 refused as unsafe.',
    )
    .requiredOption('--bridge <IF>', 'the bridge')
    .option('--apply', 'delete what two looks agree on; without it nothing is written')
    .option('--plan <FILE>', 'with --apply: only what this plan (of an earlier --json) names too')
    .option('--json', 'print the plan as JSON')
    .option('--rate <N>', 'deletions a second, 0 for no limit', '0')
    .option('--allow-empty', 'go on although no TAP is alive')
    .option('--no-lock', "do not take the daemon's lock");
  settings(sweep, SWEEP_KEYS).action(async (flags: Record<string, string | boolean>) => {
    const { bridge, apply, plan, json, rate, allowEmpty, lock, ...rest } = flags;
    const config = await configure({ ...(rest as Record<string, string>), tcBridge: String(bridge) });
    if (!/^\d{1,9}$/.test(String(rate))) throw new UsageError('usage', `--rate: expected a whole number, found ${JSON.stringify(rate)}`);
    signals.releaseSignals();
    const { runSweepTc } = await import('./commands/sweep-tc.js');
    done(
      await runSweepTc(config, {
        apply: apply === true,
        plan: String(plan ?? ''),
        json: json === true,
        allowEmpty: allowEmpty === true,
        lock: lock !== false,
        rate: Number(rate),
      }),
    );
  });

  const schema = new Command('clickhouse-schema')
    .description('Print the tables and views that ClickHouse should have for --export clickhouse: or kafka:, or make them.')
    .option('--target <TARGET>', 'clickhouse:URL/DATABASE/TABLE', 'clickhouse:http://127.0.0.1:8123/netsoak/tcp')
    .option('--kafka <TARGET>', 'also have it read kafka:HOST:PORT,.../TOPIC and TOPIC-polls')
    .option('--cluster <NAME>', 'replicated tables on this cluster, and distributed ones over them')
    .option('--ttl-days <N>', 'how long rows are kept', '30')
    .option('--apply', 'make them; without it they are printed');
  flagsOf(schema, SCHEMA_KEYS).action(async ({ target, kafka, cluster, ttlDays, apply, ...rest }: SchemaFlags) => {
    const [database, topic] = [parseExport(target), kafka === undefined ? undefined : parseExport(kafka)];
    const wrong = (flag: string, form: string, text: string) =>
      new UsageError('usage', `${flag}: expected ${form}, found ${JSON.stringify(withoutPassword(text))}`);
    if (database?.kind !== 'clickhouse') throw wrong('--target', 'clickhouse:URL/DATABASE/TABLE', target);
    if (topic !== undefined ? topic.kind !== 'kafka' : kafka !== undefined)
      throw wrong('--kafka', 'kafka:HOST:PORT,.../TOPIC', String(kafka));
    const from = topic?.kind === 'kafka' ? topic : undefined;
    if (from?.tls || from?.user !== undefined)
      throw new UsageError(
        'usage',
        `--kafka: ClickHouse itself reads the topic, and not as ${from.user ?? 'we do'}`,
        "name HOST:PORT/TOPIC alone, and give TLS and a user of its own in the server's configuration (section kafka)",
      );
    if (!/^[1-9]\d{0,4}$/.test(ttlDays)) throw new UsageError('usage', `--ttl-days: expected days, found ${JSON.stringify(ttlDays)}`);
    const config = await configure({ ...rest, export: target, polls: 'off' });
    signals.releaseSignals();
    const [{ runClickHouseSchema }, { checkCredentials, readCredentials }] = await Promise.all([
      import('./commands/clickhouse-schema.js'),
      import('./credentials.js'),
    ]);
    await checkCredentials(config);
    const credentials = () => readCredentials(config);
    await runClickHouseSchema({ target: database, kafka: from, cluster, ttl: Number(ttlDays), apply: apply === true, credentials });
    done(EXIT.ok);
  });

  for (const command of [snapshot, decode, ctl, tail, explainKey, verify, sweep, schema])
    program.addCommand(command.copyInheritedSettings(program));
  return program;
}

function settings(command: Command, keys: readonly (keyof Config)[]): Command {
  return flagsOf(command.option('--config <FILE>', 'YAML or JSON file with the same keys as the flags'), keys);
}

function flagsOf(command: Command, keys: readonly (keyof Config)[]): Command {
  for (const key of keys) {
    const { value, help, fallback } = SETTINGS[key];
    command.option(`--${key} <${value}>`, `${help} (default ${fallback() === '' ? 'empty' : fallback()})`);
  }
  return command;
}

interface SchemaFlags {
  readonly target: string;
  readonly kafka?: string;
  readonly cluster?: string;
  readonly ttlDays: string;
  readonly apply?: boolean;
  readonly passwordFile: string;
  readonly tlsCa: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
}

interface SocketFlags {
  readonly config?: string;
  readonly controlSocket?: string;
}

function socketOption(command: Command): Command {
  return command
    .option('--control-socket <PATH>', `the daemon's control socket (default: that of --config, else ${USUAL_SOCKET})`)
    .option('--config <FILE>', "the daemon's configuration file, which names its socket");
}

async function socketOf({ config, controlSocket }: SocketFlags): Promise<string> {
  if (controlSocket !== undefined) return controlSocket;
  return (config === undefined ? '' : resolveConfig([await readConfigFile(config)])['control-socket']) || USUAL_SOCKET;
}

/** Commander hands flags over in camelCase. */
async function configure(flags: Readonly<Record<string, string>>): Promise<Config> {
  const { config: file, ...rest } = flags;
  const values = Object.fromEntries(
    Object.entries(rest).map(([flag, value]) => [flag.replace(/[A-Z]/g, (upper) => `-${upper.toLowerCase()}`), value]),
  );
  const layers: Layer[] = file === undefined ? [] : [await readConfigFile(file)];
  return resolveConfig([...layers, { prefix: '--', values }]);
}

function oneOf<T extends string>(flag: string, found: string | undefined, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === found);
  if (word === undefined) throw new UsageError('usage', `${flag}: expected ${words.join(' or ')}, found ${JSON.stringify(found)}`);
  return word;
}

/** One sentence a line on stderr, and the exit code. A stack only for what is no operator's doing. */
function explain(error: unknown, program: Command): number {
  const say = (text: string) => process.stderr.write(`${text.replace(/^/gm, 'netsoakd: ')}\n`);
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    // Of the program itself, which takes no word but a command's name, and not of a command.
    const unknown = error.code === 'commander.excessArguments' && !error.message.includes(" for '");
    say(unknown ? unknownCommand(program) : error.message.replace(/^error: /, ''));
    say('see netsoakd --help');
    return EXIT.usage;
  }
  const known = error instanceof CollectorError ? error : new Fault('internal', String(error instanceof Error ? error.stack : error));
  say(known.message);
  if (known.hint !== '') say(known.hint);
  return known.exitCode;
}

function unknownCommand({ args, commands }: Command): string {
  const names = commands.map((command) => command.name());
  return `unknown command ${JSON.stringify(args[0])}; there are ${names.slice(0, -1).join(', ')} and ${names.at(-1)}, and none for the daemon`;
}
