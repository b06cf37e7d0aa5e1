/** Loss and delay on the target's loopback (tc-netem(8)), over which the subject's metrics and whatever it speaks to in the target go. */
import { execFileSync } from 'node:child_process';
import type { Fault } from './phases.js';
import type { Patient } from './subject.js';

const NETEM = ['loss', '20%', 'delay', '100ms', '20ms'];

export function networkPoor({ supervisor }: Patient): Fault {
  return {
    inject: () => tc('add', ...NETEM),
    effect: async () => {
      // Something must be on its way to be lost.
      await supervisor.isReady();
      const { dropped, packets } = counts();
      return dropped > 0 ? `${dropped} packets dropped, ${packets} delayed` : undefined;
    },
    recover: () => {
      if (isThere()) tc('del');
    },
    recovered: async () => (!isThere() && (await supervisor.isReady()) ? 'without netem, ready' : undefined),
  };
}

function tc(verb: 'add' | 'del', ...words: readonly string[]): void {
  execFileSync('tc', ['qdisc', verb, 'dev', 'lo', 'root', 'netem', ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
}

interface Qdisc {
  readonly kind: string;
  readonly packets: number;
  readonly drops: number;
}

function netem(): Qdisc | undefined {
  const list = JSON.parse(execFileSync('tc', ['-s', '-j', 'qdisc', 'show', 'dev', 'lo'], { encoding: 'utf8' })) as Qdisc[];
  return list.find(({ kind }) => kind === 'netem');
}

function isThere(): boolean {
  return netem() !== undefined;
}

function counts(): { readonly dropped: number; readonly packets: number } {
  const qdisc = netem();
  return { dropped: qdisc?.drops ?? 0, packets: qdisc?.packets ?? 0 };
}
