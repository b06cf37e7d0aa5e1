/**
 * What the harness took while it measured: conductor and agent (which samples), without load and judge. A harness that grows or eats the
 * processors spoils what it measures, so it is held to bounds like a subject. What it breaks is told and changes no verdict: it is no fault of the
 * subject's, and its samples are what they are.
 */
import type { Invariant } from '../facts/plan.js';
import type { InvariantVerdict } from '../facts/verdict.js';
import { finding } from './finding.js';
import { judgeInvariant } from './invariants.js';
import { plain } from './quantity.js';
import type { Run } from './run.js';

const MIB = 1024 * 1024;
/** Both together, where they run on the same processors as the one who promises it. */
const MOST_CORE = 0.01;
/** In less a heap that is being swept decides. */
const LEAST_SECONDS = 60;
const CPU = ['conductor.cpuSeconds', 'agent.cpuSeconds'] as const;

const HELD: readonly Invariant[] = [
  {
    name: 'conductor-leak',
    type: 'leak',
    series: 'conductor.rssBytes',
    minGrowth: 8 * MIB,
    why: 'no slow growth of the one who conducts and stores',
  },
  { name: 'agent-leak', type: 'leak', series: 'agent.rssBytes', minGrowth: 8 * MIB, why: 'no slow growth of the one who samples' },
  { name: 'lag', type: 'quantile', series: 'agent.lagSeconds', q: 0.99, max: 1, why: 'the sampler wakes up before its next sample is due' },
];

/** Empty for a run of before these were stored, and for one of two that one conductor ran side by side. */
export function ownCost(run: Run): InvariantVerdict[] {
  if (run.plan.against !== undefined || !CPU.every((series) => run.columns.has(series))) return [];
  return [core(run), ...HELD.map((invariant) => judgeInvariant(invariant, run).verdict)];
}

function core(run: Run): InvariantVerdict {
  const { measure } = run.timeline;
  const about = {
    name: 'core',
    type: 'ceiling',
    series: 'conductor.cpuSeconds',
    max: MOST_CORE,
    why: 'what is measured is not the harness',
  } as const;
  const bound = `at most ${plain(100 * MOST_CORE)} % of a core on host`;
  const shares = CPU.map((series) => {
    const known = (run.columns.get(series) ?? []).flatMap(({ at, value }) =>
      measure && value !== null && at >= measure.from && at <= measure.to ? [{ at, value }] : [],
    );
    const [first, last] = [known[0], known.at(-1)];
    return first && last && last.at > first.at ? (last.value - first.value) / (last.at - first.at) : Number.NaN;
  });
  const [conductor = Number.NaN, agent = Number.NaN] = shares;
  const share = conductor + agent;
  if (Number.isNaN(share)) return finding(about, 'skipped', bound, 'not measured', {}).verdict;
  const percent = (part: number): string => `${plain(100 * part)} %`;
  const observed = `${percent(share)}: conductor ${percent(conductor)}, agent ${percent(agent)}`;
  if (run.plan.target !== 'host') return finding(about, 'skipped', bound, `${observed} of an emulated or shared core`, {}).verdict;
  if (run.measured < LEAST_SECONDS) return finding(about, 'skipped', bound, `${observed}; not judged in less than a minute`, {}).verdict;
  return finding(about, share <= MOST_CORE ? 'pass' : 'fail', bound, observed, {}).verdict;
}
