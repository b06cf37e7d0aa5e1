/** The evaluations there are: each a question, the ways that were considered, and the loads on which they are held against each other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MetricName } from '../bench/benchmark.js';
import { NetsoakError } from '../errors.js';
import { PROJECT } from '../project.js';
import { SIZES } from './envelope.js';
import type { EvaluationCase } from './evaluation.js';
import { BUDGET_SECONDS, inTurn, type Measuring, sampled } from './measuring.js';
import { type Load, readersCase, uringRefused } from './readers.js';

export interface Question {
  readonly name: string;
  readonly question: string;
  /** The first is what netsoak does. */
  readonly variants: readonly string[];
  readonly per: string;
  readonly decides: readonly MetricName[];
  readonly notes: readonly string[];
  /** Why it can't be answered here, or undefined. */
  unavailable?(): string | undefined;
  measure(measuring: Measuring): Promise<EvaluationCase[]>;
}

const CROWDED: Load = { namespaces: 1, sockets: 40_000 };
const SPREAD: Load = { namespaces: 1_000, sockets: 10 };

const needsRoot = () => (process.getuid?.() === 0 ? undefined : 'it takes root to make namespaces');

async function readers(
  loads: readonly Load[],
  ways: readonly string[],
  per: 'poll' | 'packet',
  measuring: Measuring,
): Promise<EvaluationCase[]> {
  const cases = [];
  for (const load of loads) cases.push(await readersCase(load, ways, per, BUDGET_SECONDS / loads.length, measuring));
  return cases;
}

const RECEIVE_ONLY =
  'Every way only receives and counts: what decoding and encoding add is the same for all, and would make the differences look smaller.';

export const QUESTIONS: readonly Question[] = [
  {
    name: 'io-uring',
    question: 'Does io_uring receive dumps cheaper than send() and recv()?',
    variants: ['plain receive', 'io_uring'],
    per: 'packet',
    decides: ['cpu', 'time', 'rss'],
    notes: [
      'One ring serves all namespaces: 64 of them are under way at a time, each with a send linked to a receive. Both ways are one thread, and both open and close a socket in each namespace.',
      'CPU is for one received packet (up to 32 KB); everything else is for one poll. A dump is made inside the call that asks for it, whichever call that is.',
      RECEIVE_ONLY,
    ],
    unavailable: () => needsRoot() ?? uringRefused(),
    measure: (measuring) => readers([CROWDED, SPREAD], ['worker', 'uring'], 'packet', measuring),
  },
  {
    name: 'blocking',
    question: 'A thread for each namespace, or a few workers for all?',
    variants: ['two workers', 'thread a namespace'],
    per: 'poll',
    decides: ['cpu', 'time', 'threads', 'rss', 'switches'],
    notes: [
      'The threads live in their namespaces, block in recv() and keep their sockets open, which is in their favour; the two workers enter, open and close.',
      RECEIVE_ONLY,
    ],
    unavailable: needsRoot,
    measure: (measuring) =>
      readers(
        [10, 100, 1_000].map((namespaces) => ({ namespaces, sockets: 10 })),
        ['workers', 'blocking'],
        'poll',
        measuring,
      ),
  },
  {
    name: 'protobuf',
    question: 'Protobuf by the addon, by generated code, or by reflection?',
    variants: ['native', 'generated code', 'reflection'],
    per: 'row',
    decides: ['cpu', 'time', 'alloc'],
    notes: [
      'All three give the same bytes. The addon starts from the kernel’s message, the two in JavaScript from an object that is there already: making one is not counted.',
      'Generated code is what protobufjs compiles for the schema; reflection walks the descriptor for each row.',
    ],
    measure: async (measuring) => [
      {
        name: 'sockets of a capture of Linux 6.8',
        metrics: await samples(join(PROJECT, 'dist/native/protobuf.bench.js'), ['native', 'generated code', 'reflection'], measuring),
      },
    ],
  },
  {
    name: 'envelope-size',
    question: 'Keep the size of an envelope as a sum, or walk its rows after each one?',
    variants: ['running size', 'walked size'],
    per: 'row',
    decides: ['cpu', 'time'],
    notes: ['The walked size costs a row more the more rows there are: filling an envelope is then quadratic.'],
    measure: async (measuring) => {
      const file = fileURLToPath(new URL('./envelope.js', import.meta.url));
      const cases = [];
      for (const size of SIZES) {
        const names = ['running size', 'walked size'].map((way) => `${way}, ${size} rows`);
        cases.push({ name: `${size.toLocaleString('en-US')} rows`, metrics: await samples(file, names, measuring) });
      }
      return cases;
    },
  },
  {
    name: 'pgo',
    question: 'Is the addon faster when the compiler has seen it at work?',
    variants: ['as built', 'profile-guided'],
    per: 'row',
    decides: ['cpu', 'time'],
    notes: ['Decoding and encoding alone: in a poll the kernel takes some nine tenths of the time, which no profile of ours changes.'],
    measure: async (measuring) => {
      measuring.tell('building the profile-guided addon');
      await make(['-C', join(PROJECT, 'native'), 'pgo'], measuring.signal);
      const file = join(PROJECT, 'dist/native/decode.bench.js');
      const cases = [];
      for (const name of ['1,000 rows to protobuf', '1,000 rows to JSON lines']) {
        const metrics = await inTurn(2, BUDGET_SECONDS / 4, (variant, round) => {
          measuring.tell(`${name}: sample ${round} of 10`);
          const addon = join(PROJECT, 'native/build', variant === 0 ? 'netsoak.node' : 'netsoak-pgo.node');
          return sampled(file, name, round, measuring, { NETSOAK_ADDON: addon });
        });
        cases.push({ name, metrics });
      }
      return cases;
    },
  },
  {
    name: 'dumps',
    question: 'One dump for IPv4 and IPv6, or one for each?',
    variants: ['one dump', 'two dumps'],
    per: 'poll',
    decides: ['cpu', 'time'],
    notes: [
      'One: the legacy request (TCPDIAG_GETSOCK) with AF_UNSPEC. Two: SOCK_DIAG_BY_FAMILY for each family, as ss asks. Either walks the tables of the whole host.',
      RECEIVE_ONLY,
    ],
    unavailable: needsRoot,
    measure: (measuring) => readers([CROWDED, SPREAD], ['worker', 'two-dumps'], 'poll', measuring),
  },
  {
    name: 'sockets',
    question: 'Open a socket in each namespace for every poll, or keep them?',
    variants: ['re-opened', 'cached'],
    per: 'poll',
    decides: ['cpu', 'time'],
    notes: [
      'What the figures do not show: a socket that is kept open keeps its namespace, and the veth in it, alive after everything else of it is gone; and it takes a descriptor a namespace.',
      RECEIVE_ONLY,
    ],
    unavailable: needsRoot,
    measure: (measuring) => readers([{ namespaces: 100, sockets: 10 }, SPREAD], ['worker', 'cached'], 'poll', measuring),
  },
];

function samples(file: string, names: readonly string[], measuring: Measuring): Promise<EvaluationCase['metrics']> {
  return inTurn(names.length, BUDGET_SECONDS / SIZES.length, (variant, round) => {
    measuring.tell(`${names[variant]}: sample ${round} of 10`);
    return sampled(file, names[variant] as string, round, measuring);
  });
}

async function make(args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn('make', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2000);
  });
  const stop = () => process.kill(-(child.pid as number), 'SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const [code] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (code !== 0) throw new NetsoakError('infra', 'make-failed', `make ${args.join(' ')} failed: ${said.trim()}`, 'see its words above');
}
