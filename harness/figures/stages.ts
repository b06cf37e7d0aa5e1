/** How each figure is taken. A stage has a place of its own, and what it made is gone before the next begins. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NetsoakError } from '../errors.js';
import { medianInterval } from '../stats/median-interval.js';
import { type Delays, RESOLUTION_MS } from './delay-probe.js';
import type { FigureName, Measurements } from './figure.js';
import { logSlope, type Pair, ratioOf } from './pairs.js';
import { linesOf, type Place, type PollRecord } from './place.js';

export interface Stage {
  readonly figures: readonly FigureName[];
  readonly seconds: number;
  /** @param tell says what it is doing, for people who wait */
  run(place: Place, asked: readonly FigureName[], tell: (doing: string) => void): Promise<Measurements>;
}

interface FloorPoll {
  readonly cpuNs: number;
  readonly wallNs: number;
  readonly namespaces: number;
}

const SOCKETS = 40_000;
/** Polls until JavaScript is compiled and memory has its size. */
const WARM_UP = 5;
/** The figure is for 30 polls or more. */
const CPU_PAIRS = 31;
const WALL_PAIRS = 15;

/** Polls of netsoakd, of the floor and of ss in turn, so that what the machine does to one it does to the others. */
const cost: Stage = {
  figures: ['cpu-over-floor', 'cpu-over-ss', 'rss'],
  seconds: 45,
  async run(place, _, tell) {
    tell('making 40,000 sockets');
    await place.crowd().ask(`crowd sockets=${SOCKETS}`);
    const [floor, ss] = [place.floor(), place.ss()];
    const daemon = place.netsoakd({ interval: '1s' });
    const [overFloor, overSs]: [Pair[], Pair[]] = [[], []];
    let most = 0;
    let polls = await daemon.next(WARM_UP - 1);
    requireRows(polls, SOCKETS);
    // A busy machine makes netsoakd poll twice in a turn now and then; such a turn gives no pair.
    for (let turn = 0, before: number | undefined; overFloor.length < CPU_PAIRS && turn < 3 * CPU_PAIRS; turn++) {
      tell(`pair ${overFloor.length + 1} of ${CPU_PAIRS}: netsoakd, floor, ss`);
      const known = polls.length;
      polls = await daemon.next(known);
      await letSettle(place);
      // From after a poll to after the next one: everything that the process did meanwhile, idle or not.
      const now = daemon.cpuNs();
      most = Math.max(most, daemon.rssMb());
      const single = polls.length === known + 1;
      const least = await floor.json<FloorPoll>('');
      const theirShare = least.cpuNs / least.wallNs;
      const ssNs = (await ss.ask('')).split(' ').reduce((sum, seconds) => sum + Number(seconds) * 1e9, 0);
      if (before !== undefined && single) {
        overFloor.push({ ours: now - before, theirs: least.cpuNs, theirShare });
        overSs.push({ ours: now - before, theirs: ssNs, theirShare });
      }
      before = now;
    }
    return {
      'cpu-over-floor': ratioOf(overFloor, 30, 'the floor'),
      'cpu-over-ss': ratioOf(overSs, 30, 'ss'),
      rss: { value: most, detail: `the most that was seen between ${polls.length} polls` },
    };
  },
};

/** Even on a log axis. */
const SIZES = [1_000, 2_500, 6_300, 16_000, 40_000];

const slope: Stage = {
  figures: ['slope'],
  seconds: 40,
  async run(place, _, tell) {
    const crowd = place.crowd();
    await crowd.ask(`crowd sockets=${SIZES[0]}`);
    const daemon = place.netsoakd({ interval: '300ms' });
    // A cold process spends more on its first polls, which are those of few sockets here.
    let polls = await daemon.next(20);
    const points: (readonly [number, number])[] = [];
    for (const size of SIZES) {
      tell(`${size} sockets`);
      await crowd.ask(`crowd sockets=${size}`);
      polls = await daemon.next(polls.length + 2);
      requireRows(polls, size);
      const costs: number[] = [];
      for (let before: number | undefined; costs.length < 15; ) {
        const known = polls.length;
        polls = await daemon.next(known);
        await letSettle(place);
        const now = daemon.cpuNs();
        if (before !== undefined) costs.push((now - before) / (polls.length - known));
        before = now;
      }
      points.push([size, medianInterval(costs).value.estimate]);
    }
    return {
      slope: { value: logSlope(points), detail: points.map(([size, cpu]) => `${size}: ${(cpu / 1e6).toFixed(1)} ms`).join(', ') },
    };
  },
};

const delay: Stage = {
  figures: ['loop-delay'],
  seconds: 15,
  async run(place, _, tell) {
    await place.crowd().ask(`crowd sockets=${SOCKETS}`);
    const file = place.file('delays');
    const probe = fileURLToPath(new URL('./delay-probe.js', import.meta.url));
    // One poll after the other with little between them: a loop that idles would look better than it is.
    const daemon = place.netsoakd({ interval: '100ms' }, { NODE_OPTIONS: `--import ${probe}`, NETSOAK_DELAY_FILE: file });
    const before = (await daemon.next(WARM_UP)).length;
    tell('watching the event loop for 10 s');
    daemon.kill('SIGUSR2');
    await sleep(10_000, undefined, { signal: place.signal });
    daemon.kill('SIGUSR2');
    while (!existsSync(file)) await letSettle(place);
    await letSettle(place);
    const seen = JSON.parse(readFileSync(file, 'utf8')) as Delays;
    const polls = daemon.ended().length - before;
    return {
      'loop-delay': {
        value: seen.p99Ms,
        detail: `${polls} polls in 10 s; median ${seen.p50Ms.toFixed(2)}, most ${seen.maxMs.toFixed(1)} ms; the timer's own ${RESOLUTION_MS} ms included`,
        ...(polls < 20 ? { vacuous: `only ${polls} polls in 10 s` } : {}),
      },
    };
  },
};

const wall: Stage = {
  figures: ['wall-over-floor'],
  seconds: 50,
  async run(place, _, tell) {
    tell('making 1,000 namespaces');
    await place.crowd().ask('spread namespaces=1000 sockets=10');
    const floor = place.floor('/run/netns');
    const { wallNs } = await floor.json<FloorPoll>('');
    // As often as fits three times over: no two of them may run at once.
    const daemon = place.netsoakd({ interval: `${Math.ceil((3 * wallNs) / 1e6)}ms` });
    const pairs: Pair[] = [];
    let polls = await daemon.next(2);
    requireRows(polls, 10_000);
    while (pairs.length < WALL_PAIRS) {
      tell(`poll ${pairs.length + 1} of ${WALL_PAIRS}: netsoakd, floor`);
      polls = await daemon.next(polls.length);
      const ours = (polls.at(-1) as PollRecord).duration_seconds * 1e9;
      const theirs = await floor.json<FloorPoll>('');
      pairs.push({ ours, theirs: theirs.wallNs, theirShare: theirs.cpuNs / theirs.wallNs });
    }
    return { 'wall-over-floor': ratioOf(pairs, WALL_PAIRS, 'the floor') };
  },
};

const scale: Stage = {
  figures: ['threads', 'threads-added', 'rss-added'],
  seconds: 60,
  async run(place, _, tell) {
    const crowd = place.crowd();
    await crowd.ask('spread namespaces=10 sockets=4');
    const daemon = place.netsoakd({ interval: '500ms' });
    const watch = async (namespaces: number, count: number) => {
      let most = { threads: 0, rss: 0 };
      let polls = await daemon.next(daemon.ended().length + 1, 180_000);
      for (let i = 0; i < count; i++) {
        tell(`${namespaces} namespaces, poll ${i + 1} of ${count}`);
        polls = await daemon.next(polls.length, 180_000);
        most = { threads: Math.max(most.threads, daemon.threads()), rss: Math.max(most.rss, daemon.rssMb()) };
      }
      const seen = polls.at(-1)?.namespaces ?? 0;
      if (seen < namespaces) throw new NetsoakError('product', 'namespaces-missing', `${seen} of ${namespaces} namespaces were polled`, '');
      return most;
    };
    // As many polls as the heap takes to find its size: growth of JavaScript is not growth by namespaces.
    await daemon.next(30);
    const few = await watch(10, 10);
    tell('making 10,000 namespaces');
    await crowd.ask('spread namespaces=10000 sockets=0');
    const many = await watch(10_000, 6);
    return {
      threads: { value: few.threads, detail: 'Node, two workers and whatever else it has' },
      'threads-added': { value: many.threads - few.threads, detail: `${few.threads} at 10, ${many.threads} at 10,000` },
      'rss-added': { value: many.rss - few.rss, detail: `${few.rss.toFixed(1)} MB at 10, ${many.rss.toFixed(1)} MB at 10,000` },
    };
  },
};

const closed: Stage = {
  figures: ['closed'],
  seconds: 40,
  async run(place, _, tell) {
    const [rows, ledger] = [place.file('rows'), place.file('brief')];
    const daemon = place.netsoakd({
      interval: '1s',
      closed: 'true',
      export: `file:${rows}`,
      format: 'jsonl',
    });
    const crowd = place.crowd();
    await daemon.next(0);
    await crowd.ask('rooms namespaces=20');
    // Two polls, so that the namespaces are known: what closes in one that no poll has found yet is a matter of another figure.
    await daemon.next(daemon.ended().length + 1);
    tell('500 connections a second for 30 s');
    const made = await crowd.json<{ connections: number; seconds: number }>(`brief rate=500 seconds=30 file=${ledger}`);
    await sleep(2_000, undefined, { signal: place.signal });
    await daemon.stop();
    const sent = new Map<string, number>();
    for (const line of linesOf(ledger)) {
      const { cookie, sent: bytes } = JSON.parse(line) as { cookie: string; sent: number };
      sent.set(cookie, bytes);
    }
    const all = sent.size;
    let wrong = 0;
    for (const line of linesOf(rows)) {
      const row = JSON.parse(line) as { kind?: string; inet_diag_msg_socket_cookie?: string; tcp_info_bytes_sent?: string };
      const bytes = row.kind === 'closed' ? sent.get(row.inet_diag_msg_socket_cookie ?? '') : undefined;
      if (bytes === undefined) continue;
      if (Number(row.tcp_info_bytes_sent) === bytes) sent.delete(row.inet_diag_msg_socket_cookie as string);
      else wrong++;
    }
    return {
      closed: {
        value: sent.size,
        detail: `${all - sent.size} of ${all} sockets of ${made.connections} connections in ${made.seconds.toFixed(1)} s; ${wrong} rows with other byte counts than were sent`,
        ...(made.seconds > 31.5
          ? { vacuous: `the machine was too busy for this load: it took ${made.seconds.toFixed(1)} s instead of 30` }
          : {}),
      },
    };
  },
};

const NEW_NAMESPACES = 20;

const arrival: Stage = {
  figures: ['new-namespace'],
  seconds: 35,
  async run(place, _, tell) {
    const rows = place.file('rows');
    const crowd = place.crowd();
    const daemon = place.netsoakd({ interval: '1s', export: `file:${rows}`, format: 'jsonl' });
    await daemon.next(1);
    const made: { readonly name: string; readonly atNs: bigint }[] = [];
    for (let i = 0; i < NEW_NAMESPACES; i++) {
      tell(`namespace ${i + 1} of ${NEW_NAMESPACES}`);
      const { name, atNs } = await crowd.json<{ name: string; atNs: string }>('name');
      made.push({ name, atNs: BigInt(atNs) });
      // At every phase of the interval.
      await sleep(1_000 + 1_000 / NEW_NAMESPACES, undefined, { signal: place.signal });
    }
    await daemon.next(daemon.ended().length + 1);
    await daemon.stop();
    const firsts = new Map<string, bigint>();
    for (const line of linesOf(rows)) {
      const { netns, poll_id } = JSON.parse(line) as { netns: string; poll_id: string };
      if (!firsts.has(netns)) firsts.set(netns, BigInt(poll_id));
    }
    const polls = daemon.ended().map((poll) => BigInt(poll.poll_id));
    const late = made.map(({ name, atNs }) => polls.filter((poll) => poll > atNs && poll < (firsts.get(name) ?? poll + 1n)).length);
    const waits = made.map(({ name, atNs }) => Number((firsts.get(name) ?? 0n) - atNs) / 1e6);
    return {
      'new-namespace': {
        value: Math.max(...late),
        detail: `${NEW_NAMESPACES} namespaces; the poll that shows them began ${Math.max(0, Math.min(...waits)).toFixed(0)} to ${Math.max(...waits).toFixed(0)} ms after they were there`,
      },
    };
  },
};

/** Ten thousand namespaces last: the kernel is busy for a while after they are gone. */
export const STAGES: readonly Stage[] = [cost, delay, slope, wall, closed, arrival, scale];

/** What follows a poll (exports, garbage) is over by then; and the daemon has not begun the next. */
function letSettle(place: Place): Promise<void> {
  return sleep(30, undefined, { signal: place.signal });
}

/** A figure for fewer sockets than were made would be none. */
function requireRows(polls: readonly PollRecord[], least: number): void {
  const rows = polls.at(-1)?.rows ?? 0;
  if (rows >= least) return;
  throw new NetsoakError(
    'product',
    'rows-missing',
    `netsoakd read ${rows} of ${least} sockets in a poll`,
    'a figure would not mean anything',
  );
}
