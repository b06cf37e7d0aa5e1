/**
 * What reaches a VM from outside, through the egress of the bridge that leaks and, in turns, of its twin that does not. A machine that others
 * use, or that is emulated, is worth twice as much in one minute as in the next: what a leak costs, and what is left of it, is told by the
 * share of the twin's traffic, never by packets of one minute over those of another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inNetns, LEAKING, type Road, TWIN } from './bridge.js';
import { ip } from './world.js';

/** One turn of the two. */
interface Turn {
  /** Packets of 64 bytes a second that reach the VM behind the bridge that leaks, and of what reaches the twin's VM. */
  readonly packets: number;
  readonly packetsOfTwin: number;
  /** Bits a second of one TCP stream, and of the twin's. */
  readonly tcpBits: number;
  readonly tcpOfTwin: number;
  /** Share of all processor time that went into soft interrupts, while packets were counted behind the bridge that leaks. */
  readonly softirqShare: number;
}

/** A median, and whether as many values as there were say where it is. */
export interface Middle {
  readonly median: number;
  readonly certain: boolean;
}

/** Medians of all turns. */
export interface Traffic extends Omit<Turn, 'packetsOfTwin' | 'tcpOfTwin'> {
  readonly turns: number;
  readonly packetsOfTwin: Middle;
  readonly tcpOfTwin: Middle;
}

export interface Meter {
  /** As many turns as it takes until both shares of the twin's are certain, but no more than `most`. */
  measure(most: number, seconds: number): Promise<Traffic>;
  end(): void;
}

const counter = ({ tap }: Road, what: 'packets' | 'bytes') => Number(readFileSync(`/sys/class/net/${tap}/statistics/tx_${what}`, 'utf8'));

/** user, nice, system, idle, iowait, irq, softirq, steal of the first line of /proc/stat, in ticks. */
function processorTicks(): { readonly softirq: number; readonly all: number } {
  const ticks = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  return { softirq: ticks[6] ?? 0, all: ticks.reduce((sum, each) => sum + each, 0) };
}

/** A shell in the namespace outside: on a slow target a process for every word costs seconds. */
function outside() {
  const child = spawn('ip', ['netns', 'exec', 'ext', 'sh'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = createInterface({ input: child.stdout });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  return {
    child,
    /** @throws Error with what the shell complained of */
    async run(script: string): Promise<void> {
      complaint = '';
      const done = new Promise<string>((heard) => lines.once('line', heard));
      child.stdin.write(`${script}\necho $?\n`);
      if ((await done) !== '0') throw new Error(`${script}: ${complaint.trim()}`);
    },
  };
}

const GENERATOR = '/proc/net/pktgen';
const put = (file: string, words: readonly string[]) => words.map((word) => `echo '${word}' > ${GENERATOR}/${file}`).join(' && ');

/** A bridge that leaks may let through next to nothing: that is measured too. */
const PATIENCE_MS = 5_000;

/** Five values at least, and 19 times in 20 (order statistics of the binomial) the median within a tenth of the twin's traffic of the one seen. */
export function middleOf(values: readonly number[]): Middle {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[Math.max(0, Math.min(sorted.length - 1, index))] ?? 0;
  const median = (at((sorted.length - 1) >> 1) + at(sorted.length >> 1)) / 2;
  const low = Math.floor(sorted.length / 2 - Math.sqrt(sorted.length));
  return { median, certain: sorted.length >= 5 && at(sorted.length - 1 - low) - at(low) <= 0.2 };
}

/** Starts both ends of the streams. */
export async function openMeter(sleep: (seconds: number) => Promise<void>): Promise<Meter> {
  const program = fileURLToPath(new URL('./tcp-stream.js', import.meta.url));
  const start = async (namespace: string, end: 'sink' | 'source') => {
    const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, program, end], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    await new Promise((done) => lines.once('line', done));
    return { child, lines };
  };
  const sinks = await Promise.all([LEAKING, TWIN].map(({ namespace }) => start(namespace, 'sink')));
  const source = await start('ext', 'source');
  const shell = outside();
  const all: readonly ChildProcess[] = [...sinks, source, shell].map(({ child }) => child);
  // Once is enough, and removing it first is not: the kernel waits 125 ms for its thread to do that, and a slow target's takes longer.
  const mac = readFileSync('/sys/class/net/up0/address', 'utf8').trim();
  await shell.run(put('kpktgend_0', ['add_device eext']));
  await shell.run(put('eext', ['count 0', 'clone_skb 0', 'pkt_size 60', 'delay 0', `dst_mac ${mac}`, 'udp_dst_min 9', 'udp_dst_max 9']));
  // No packet may wait for an answer to the question where its VM is.
  for (const { namespace, bridge, address } of [LEAKING, TWIN]) {
    const mac = (await inNetns(namespace, 'cat /sys/class/net/inside/address')).trim();
    await ip([`neigh replace ${address} lladdr ${mac} dev ${bridge} nud permanent`]);
  }

  /** The kernel's own generator, so that the sender is never the limit. */
  async function flood(road: Road, seconds: number): Promise<{ packets: number; softirqShare: number }> {
    await shell.run(put('eext', [`dst ${road.address}`]));
    // Whoever starts it is held until it is stopped.
    await shell.run(`echo start > ${GENERATOR}/pgctrl &`);
    try {
      await flows(road, 'packets', 10);
      const [packets, ticks, began] = [counter(road, 'packets'), processorTicks(), performance.now()];
      await sleep(seconds);
      const [after, ticksAfter] = [counter(road, 'packets'), processorTicks()];
      const elapsed = (performance.now() - began) / 1000;
      return { packets: (after - packets) / elapsed, softirqShare: (ticksAfter.softirq - ticks.softirq) / (ticksAfter.all - ticks.all) };
    } finally {
      await shell.run(`echo stop > ${GENERATOR}/pgctrl; wait`);
    }
  }

  async function stream(road: Road, seconds: number): Promise<number> {
    source.child.stdin?.write(`${road.address}\n`);
    // Past the start of the stream, which is slow by design.
    await flows(road, 'bytes', 1_000_000);
    const [bytes, began] = [counter(road, 'bytes'), performance.now()];
    await sleep(seconds);
    const bits = ((counter(road, 'bytes') - bytes) * 8) / ((performance.now() - began) / 1000);
    const stopped = new Promise((done) => source.lines.once('line', done));
    source.child.stdin?.write('stop\n');
    await stopped;
    return bits;
  }

  /** Waits until so much has come through, or for so long that nothing more is to be expected. */
  async function flows(road: Road, what: 'packets' | 'bytes', least: number): Promise<void> {
    const from = counter(road, what);
    const until = performance.now() + PATIENCE_MS;
    while (counter(road, what) - from < least && performance.now() < until) await sleep(0.1);
  }

  /** Who comes first takes turns too: what the machine does meanwhile goes one way for a while. */
  async function turn(order: readonly Road[], seconds: number): Promise<Turn> {
    const [packets, bits] = [new Map<Road, number>(), new Map<Road, number>()];
    let softirqShare = 0;
    for (const road of order) {
      const seen = await flood(road, seconds);
      packets.set(road, seen.packets);
      if (road === LEAKING) softirqShare = seen.softirqShare;
    }
    for (const road of order) bits.set(road, await stream(road, seconds));
    const share = (of: ReadonlyMap<Road, number>) => (of.get(LEAKING) ?? 0) / Math.max(1, of.get(TWIN) ?? 0);
    return {
      packets: packets.get(LEAKING) ?? 0,
      packetsOfTwin: share(packets),
      tcpBits: bits.get(LEAKING) ?? 0,
      tcpOfTwin: share(bits),
      softirqShare,
    };
  }

  return {
    async measure(most, seconds) {
      const turns: Turn[] = [];
      let [packetsOfTwin, tcpOfTwin]: [Middle, Middle] = [middleOf([]), middleOf([])];
      while (turns.length < most && !(packetsOfTwin.certain && tcpOfTwin.certain)) {
        turns.push(await turn(turns.length % 2 === 0 ? [TWIN, LEAKING] : [LEAKING, TWIN], seconds));
        packetsOfTwin = middleOf(turns.map(({ packetsOfTwin }) => packetsOfTwin));
        tcpOfTwin = middleOf(turns.map(({ tcpOfTwin }) => tcpOfTwin));
      }
      const median = (of: (turn: Turn) => number) => middleOf(turns.map(of)).median;
      return {
        turns: turns.length,
        packets: median(({ packets }) => packets),
        packetsOfTwin,
        tcpBits: median(({ tcpBits }) => tcpBits),
        tcpOfTwin,
        softirqShare: median(({ softirqShare }) => softirqShare),
      };
    },
    end() {
      for (const child of all) child.kill('SIGKILL');
    },
  };
}
