#!/usr/bin/env node
/** `netsoak`: the command line. Parses, calls, prints errors as sentences, and gives the exit code. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { explain } from './errors.js';
import { EXIT, EXIT_TABLE } from './exit.js';
import { projectVersion } from './project.js';
import { parseDuration } from './units.js';

const collect = (word: string, before: readonly string[]): string[] => [...before, word];

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

function durationSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new InvalidArgumentError('It must be a duration such as 10s.');
  return seconds;
}

function build(finish: (code: number) => void): Command {
  const program = new Command('netsoak')
    .description('Soaks a daemon in a real kernel and gives a verdict that can be trusted.')
    .version(projectVersion())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', `\nExit codes:\n${EXIT_TABLE.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}`);

  program
    .command('run')
    .description('run scenarios against a subject and judge them')
    .argument('[scenario...]', 'names from `netsoak list` (default: namespace-churn)')
    .option('--duration <time>', 'length of the measured phase: 60s, 5m, 12h', '60s')
    .option('--target <target>', 'vm: a kernel of its own; host: namespaces on this machine (root)', 'vm')
    .option('--seed <n>', 'repeat the random choices of an earlier run')
    .option('--set <key=value>', 'change a setting of the scenario; may be repeated', collect, [])
    .option('--subject <file>', 'the daemon to soak, described in JSON or YAML (default: netsoakd)')
    .option('--against <ref|file>', 'soak another revision, or another described daemon, beside it and judge the difference')
    .option('--out <dir>', 'where run directories are made (default: reports/runs in the project)')
    .option('--shard <i/n>', 'run the i-th of n parts of the scenarios named (default: of all that the target has)')
    .option('--junit <file>', 'also write one JUnit report of all runs there')
    .option('--tap <file>', 'also write one TAP report of all runs there')
    .option('--summary <file>', 'also write one Markdown summary of all runs there')
    .option('--json', 'print each verdict as a line of JSON on standard output')
    .option('--allow-flaky', 'try once more what the infrastructure broke, and exit 0 if that passes')
    .option('--quarantine <file>', 'scenarios whose verdicts fail no job (default: scenarios/quarantine.yaml)')
    .option('--kernel <kernel>', 'boot this kernel: a package, .deb, bzImage, vmlinux or folder; may be repeated', collect, [])
    .option('--profile', 'take profiles of the subject: CPU and allocations of JavaScript, native frames where perf works')
    .option('--keep', 'keep what a run that is not green leaves: its sockets and temporary files, and the memory of its guest')
    .option('--kafka <host:port>', 'for scenarios that need a broker: one that runs already (default: one is started)')
    .option('--clickhouse <url>', 'for scenarios that need a database: one that runs already (default: one is started)')
    .option('--detach', 'go on without this terminal; `netsoak attach` takes the run up within ten minutes')
    .action(async (names, flags) => finish(await (await import('./run-command.js')).runCommand(names, flags)));

  program
    .command('mutants')
    .description('soak every planted fault and print which invariant caught it')
    .option('--duration <time>', 'length of the measured phase of each', '30s')
    .option('--target <target>', 'vm or host', 'host')
    .option('--seed <n>', 'repeat the random choices of an earlier run')
    .option('--set <key=value>', 'change a setting of the scenario; may be repeated', collect, [])
    .action(async (flags) => finish(await (await import('./mutants-command.js')).mutantsCommand(flags)));

  program
    .command('list')
    .description('list scenarios with their story and settings')
    .option('--json', 'as JSON')
    .action(async (flags) => finish(await (await import('./list-command.js')).listCommand(flags)));

  program
    .command('report')
    .description('render the report of a run again, or one of many runs, from what they stored')
    .argument('<run>', 'run directory, `latest`, or a folder of run directories such as the shards of a job')
    .option('--anonymise', 'write a copy without names of machines, users, folders and addresses')
    .option('--out <dir>', 'where the copy is written (default: anonymised, in the run directory)')
    .action(async (run, flags) => finish(await (await import('./rederive-command.js')).reportCommand(run, flags)));

  program
    .command('verdict')
    .description('judge a run again, or many as one, from what they stored')
    .argument('<run>', 'run directory, `latest`, or a folder of run directories such as the shards of a job')
    .option('--json', 'print the whole verdict')
    .option('--allow-flaky', 'exit 0 when the worst is a run that passed only at a second try')
    .action(async (run, flags) => finish(await (await import('./rederive-command.js')).verdictCommand(run, flags)));

  program
    .command('attach')
    .description('take a detached run up: shows it, and ends as it ends; ^\\ leaves it to itself again')
    .argument('<run>', 'run directory, or `latest`')
    .option('--json', 'print the verdict as a line of JSON on standard output')
    .action(async (run, flags) => finish(await (await import('./attach-command.js')).attachCommand(run, flags)));

  program
    .command('replay')
    .description('repeat a run: same scenario, seed and settings; says what is not the same any more')
    .argument('<run>', 'run directory, or `latest`')
    .option('--out <dir>', 'where run directories are made (default: reports/runs in the project)')
    .option('--junit <file>', 'also write a JUnit report there')
    .option('--tap <file>', 'also write a TAP report there')
    .option('--summary <file>', 'also write a Markdown summary there')
    .option('--json', 'print the verdict as JSON on standard output')
    .option('--allow-flaky', 'try once more what the infrastructure broke, and exit 0 if that passes')
    .option('--keep', 'keep the folder of sockets and temporary files of a run that is not green')
    .option('--kafka <host:port>', 'another broker than the one that the run was given')
    .option('--clickhouse <url>', 'another database than the one that the run was given')
    .action(async (run, flags) => finish(await (await import('./replay-command.js')).replayCommand(run, flags)));

  program
    .command('shell')
    .description(
      'a shell in the VM of a run that goes on, or in one like it; without a terminal it runs what it reads; exits as the shell does',
    )
    .argument('[run]', 'run directory, or `latest`; without, a VM is started')
    .action(async (run) => finish(await (await import('./shell-command.js')).shellCommand(run)));

  program
    .command('clean')
    .description('remove old runs and what killed commands left behind; never a run that goes on')
    .option('--keep <n>', 'how many of the newest runs stay', '10')
    .option('--out <dir>', 'where the run directories are (default: reports/runs in the project)')
    .action(async (flags) => finish(await (await import('./clean-command.js')).cleanCommand(flags)));

  program
    .command('bench')
    .description('run the benchmarks, each sample a process of its own, and compare')
    .option('--save <name>', 'store the result under this name')
    .option('--baseline <name>', 'compare with a stored result; refuses one from another machine')
    .option('--lenient', 'compare with another machine all the same, and say so')
    .option('--against <ref>', 'build that revision beside this tree and measure both in turn')
    .option('--aa', "measure this machine's own noise and store it")
    .option('--plant <row>', 'with --aa: slow this row down by 10 % on one side, to see it found')
    .option('--filter <text>', 'only rows whose name holds this')
    .option('--samples <n>', 'samples a row', '10')
    .option('--json', 'print the result as JSON on standard output')
    .option('--out <file>', 'where the comparison page is written')
    .action(async (flags) => finish(await (await import('./bench-command.js')).benchCommand(flags)));

  program
    .command('figures')
    .description('measure what the collector costs and hold each figure against its promise (root)')
    .option('--only <name>', 'only this figure; may be repeated', collect, [])
    .option('--json', 'print the figures as JSON on standard output')
    .action(async (flags) => finish(await (await import('./figures-command.js')).figuresCommand(flags)));

  program
    .command('evaluate')
    .description('hold ways of doing the same thing against each other; without a name, list them')
    .argument('[name]', 'which evaluation')
    .option('--json', 'print every sample as JSON on standard output')
    .option('--out <file>', 'where the page is written (default: reports/runs/evaluations/NAME.html)')
    .action(async (name, flags) => finish(await (await import('./evaluate-command.js')).evaluateCommand(name, flags)));

  program
    .command('compare')
    .description('hold two runs, or two stored benchmark results, against each other on one page; or more runs, side by side')
    .argument('<a>', 'the one before')
    .argument('<b>', 'the one after')
    .argument('[more...]', 'further runs: then all stand side by side in one table')
    .option('--out <file>', 'where the page is written')
    .action(async (a, b, more, flags) => finish(await (await import('./compare-command.js')).compareCommand([a, b, ...more], flags)));

  program
    .command('size')
    .description('how many Kafka partitions and ClickHouse shards a fleet takes, by calculation from measured bytes a row')
    .requiredOption('--hosts <N>', 'hosts', wholeNumber)
    .requiredOption('--sockets <N>', 'sockets of each host', wholeNumber)
    .option('--interval <DURATION>', 'from one poll to the next', durationSeconds, 10)
    .option('--days <N>', 'how long ClickHouse keeps rows', wholeNumber, 30)
    .action(async ({ hosts, sockets, interval: intervalSeconds, days }) => {
      const { describeSize } = await import('./pipeline/sizing.js');
      process.stdout.write(describeSize({ hosts, sockets, intervalSeconds, days }));
      finish(EXIT.pass);
    });

  program
    .command('doctor')
    .description('check what this machine has and lacks, each line with its cure')
    .option('--json', 'as JSON')
    .action(async (flags) => finish(await (await import('./doctor.js')).runDoctor(flags)));

  return program;
}

async function main(): Promise<number> {
  let code: number = EXIT.pass;
  try {
    await build((result) => {
      code = result;
    }).parseAsync();
    return code;
  } catch (error) {
    if (error instanceof CommanderError && !(error instanceof InvalidArgumentError)) {
      if (error.exitCode === 0) return EXIT.pass;
      if (error.code !== 'commander.help') complain(error.message.replace(/^error: /, ''), 'see `netsoak --help`');
      return EXIT.usage;
    }
    const e = explain(error);
    complain(e.message, e.hint);
    if (process.env.NETSOAK_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    return e.exitCode;
  }
}

function complain(message: string, hint: string): void {
  process.stderr.write(`netsoak: ${message.trim()}\n  ${hint}\n`);
}

// `netsoak verdict latest | head` closes our output early, which is its right; a run goes on without its live view.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  complain(`stopped by a fault of its own: ${error.message}`, error.stack ?? '');
  process.exit(EXIT.infra);
});
process.exitCode = await main();
