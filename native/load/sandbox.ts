/**
 * For tests: a place with its own mounts, network, pids and /run, in which the load may do as it likes; and the load
 * itself in there. Everything dies with the sandbox, whose first process dies with us.
 */
import { type ChildProcess, type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerLine, TcpFigures } from '../../harness/facts/ledger.js';
import { PROJECT } from '../../harness/project.js';

export const LOAD = join(PROJECT, 'native/build/netsoak-load');
export const RELAY = join(PROJECT, 'native/build/netsoak-relay');

/** Compiles the two programs if need be. */
export function buildLoad(): void {
  execFileSync('make', ['-s', '-C', join(PROJECT, 'native/load')], { stdio: ['ignore', 'inherit', 'inherit'] });
}

export class Sandbox {
  /** A folder that both sides see; short enough for socket paths. */
  readonly folder = mkdtempSync(join(tmpdir(), 'load-'));
  #pid = 0;
  #holder: ChildProcess | undefined;
  /** Of others on this machine: the sandbox begins with a copy of all mounts. */
  #foreign = new Set<string>();

  async open(): Promise<this> {
    const script = 'mount -t tmpfs none /run && ip link set lo up && echo "up" && exec cat';
    const args = ['--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', script];
    const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#holder = holder;
    await once(holder.stdout, 'data');
    this.#pid = Number(readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim());
    this.#foreign = new Set(this.#nsfs());
    return this;
  }

  /** Ends it and every process in it. */
  async close(): Promise<void> {
    const holder = this.#holder;
    if (holder?.exitCode === null) {
      holder.stdin?.end();
      await once(holder, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  spawn(...command: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn('nsenter', this.#enter(command));
  }

  run(...command: readonly string[]): string {
    return execFileSync('nsenter', this.#enter(command), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** What the load must not leave behind: names, nsfs mounts and links besides lo. */
  remains(): { names: string[]; mounts: number; links: string[] } {
    const links = (JSON.parse(this.run('ip', '-j', 'link')) as { ifname: string }[]).map((link) => link.ifname);
    return {
      names: this.run('sh', '-c', 'ls /run/netns 2>/dev/null || true').split('\n').filter(Boolean),
      mounts: this.#nsfs().filter((mount) => !this.#foreign.has(mount)).length,
      links: links.filter((name) => name !== 'lo'),
    };
  }

  #nsfs(): string[] {
    const mounts = this.run('cat', '/proc/mounts').split('\n');
    return mounts.filter((line) => line.startsWith('nsfs '));
  }

  #enter(command: readonly string[]): string[] {
    return ['--target', String(this.#pid), '--mount', '--net', '--pid', '--', ...command];
  }
}

export class RunningLoad {
  readonly child: ChildProcessWithoutNullStreams;
  stderr = '';
  readonly exited: Promise<number | string>;
  readonly #answers: AsyncIterator<string>;

  constructor(
    private readonly sandbox: Sandbox,
    readonly ledgerPath: string = join(sandbox.folder, 'ledger'),
    seed = 7,
  ) {
    this.child = sandbox.spawn(LOAD, '--ledger', ledgerPath, '--seed', String(seed));
    this.child.stdin.on('error', () => {});
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal ?? '')));
    this.#answers = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async command(line: string): Promise<Record<string, unknown>> {
    this.child.stdin.write(`${line}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the load ended: ${this.stderr}`);
    return JSON.parse(value as string) as Record<string, unknown>;
  }

  ledger(): LedgerLine[] {
    return readFileSync(this.ledgerPath, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LedgerLine);
  }

  /** Lines of one kind. */
  lines<K extends LedgerLine['kind']>(kind: K): Extract<LedgerLine, { kind: K }>[] {
    return this.ledger().filter((line): line is Extract<LedgerLine, { kind: K }> => line.kind === kind);
  }

  /** Waits until the ledger satisfies `ready`; fails after 30 s with what was waited for. */
  async until(what: string, ready: () => boolean): Promise<void> {
    for (let attempt = 0; attempt < 1500; attempt++) {
      if (ready()) return;
      await delay(20);
    }
    throw new Error(`waited in vain for ${what}; the load said: ${this.stderr}`);
  }

  /** Its pid inside the sandbox. */
  pid(): number {
    return Number(this.sandbox.run('pgrep', '-o', '-x', 'netsoak-load'));
  }

  kill(signal: string): void {
    this.sandbox.run('kill', `-${signal}`, String(this.pid()));
    // nsenter(1) stops itself with its child, and must be woken itself.
    if (signal === 'CONT') this.child.kill('SIGCONT');
  }

  async quit(): Promise<number | string> {
    this.child.stdin.end('quit\n');
    return this.exited;
  }
}

/** One socket as ss(8) of iproute2 prints it: a reader of the same kernel interface that is not ours. */
export interface SsSocket {
  readonly state: string;
  readonly cookie: string;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  readonly sent: number;
  readonly acked: number;
  readonly received: number;
  /** Recv-Q of a connection; of a listener it is the accept queue. */
  readonly unread: number;
  readonly uid: number;
  readonly inode: number;
  readonly congestion: string;
  readonly tcp: TcpFigures;
}

/** What runs a command in the named namespace; the sandbox's own has none. */
export function inNamespace(name: string): string[] {
  return name === '' ? ['env'] : ['nsenter', `--net=/run/netns/${name}`];
}

/** TCP sockets of the named namespace. */
export function ss(sandbox: Sandbox, name: string): SsSocket[] {
  const text = sandbox.run(...inNamespace(name), 'ss', '-tianeHO');
  return text.split('\n').filter(Boolean).map(parseSs);
}

function parseSs(line: string): SsSocket {
  const [state = '', receiveQueue = '', , local = '', peer = ''] = line.trim().split(/\s+/);
  const number = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
  const [src, sport] = endpoint(local, line);
  const [dst, dport] = endpoint(peer, line);
  return {
    state,
    cookie: String(Number.parseInt(/\bsk:([0-9a-f]+)/.exec(line)?.[1] ?? '0', 16)),
    src,
    sport,
    dst,
    dport,
    sent: number('bytes_sent'),
    acked: number('bytes_acked'),
    received: number('bytes_received'),
    unread: Number(receiveQueue),
    uid: number('uid'),
    inode: number('ino'),
    congestion: /\s(bbr|cubic|dctcp|reno)\s/.exec(line)?.[1] ?? '',
    tcp: {
      // Printed in milliseconds.
      rtt: Math.round(1000 * Number(/\brtt:([\d.]+)/.exec(line)?.[1] ?? 0)),
      sndMss: number('mss'),
      pmtu: number('pmtu'),
      sndCwnd: number('cwnd'),
      dataSegsIn: number('data_segs_in'),
      dataSegsOut: number('data_segs_out'),
    },
  };
}

/** `10.0.0.1:80`, `[::1]:80`, and `*:80` for a dual-stack listener's addresses. */
function endpoint(text: string, line: string): [string, number] {
  const split = text.lastIndexOf(':');
  const address = text.slice(0, split).replace(/^\[|\]$/g, '');
  const any = line.includes('v6only:') ? '::' : '0.0.0.0';
  return [address === '*' ? any : address, Number(text.slice(split + 1)) || 0];
}
