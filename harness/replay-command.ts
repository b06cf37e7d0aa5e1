/** `netsoak replay RUN`: the same scenario, seed and settings again, and what is not the same any more. */
import { performAgainst } from './against/perform.js';
import { answerSigusr1 } from './doing.js';
import { NetsoakError } from './errors.js';
import type { Plan } from './facts/plan.js';
import type { Given } from './pipeline/given.js';
import { givenAgain } from './pipeline/given-again.js';
import { acceleratorFor, kernelsFor, type OutputFlags, perform, plannedKernel, planOf, type Request } from './run-command.js';
import { findRun } from './runs.js';
import { loadScenarios, pickScenario } from './scenarios.js';
import { loadSubject, SUBJECT_DESCRIPTION } from './subject.js';
import { loadRun } from './verdict/load-run.js';

export async function replayCommand(run: string, flags: OutputFlags & Given): Promise<number> {
  answerSigusr1();
  const { plan } = loadRun(findRun(run));
  if (plan.against?.side === 'A')
    throw new NetsoakError('user', 'side-a', `${plan.id} is what another run was held against`, `repeat both: ${plan.replay}`);
  const found = pickScenario(await loadScenarios(), plan.scenario);
  const subject = loadSubject(plan.subject.file);
  const settings = Object.fromEntries(Object.entries(plan.settings).filter(([name]) => name in found.scenario.settings));
  const [kernel] = plan.kernel ? await kernelsFor([plan.kernel.word]) : [];
  const request: Request = {
    scenarios: [found],
    target: plan.target,
    durationSeconds: plan.durationSeconds,
    seed: plan.seed,
    set: [],
    settings,
    subjectFile: plan.subject.file,
    subject,
    accelerator: await acceleratorFor(plan.target),
    // Somebody who asks for this one run wants to know how it ends.
    quarantine: new Map(),
    given: givenAgain(plan.given ?? {}, {
      ...(flags.kafka && { kafka: flags.kafka }),
      ...(flags.clickhouse && { clickhouse: flags.clickhouse }),
    }),
    ...(plan.profile && { profile: true }),
    ...(kernel && { kernels: [kernel] }),
  };
  const now = planOf(request, found, kernel ? { kernel: plannedKernel(kernel) } : {});
  const differences = whatDiffers(plan, now);
  process.stderr.write(`repeats ${plan.id}: ${differences.length === 0 ? 'nothing differs\n' : 'not the same any more:\n'}`);
  for (const line of differences) process.stderr.write(`  ${line}\n`);
  for (const [service, address] of Object.entries(now.given ?? {})) process.stderr.write(`  ${service} is ${address}\n`);
  return plan.against ? performAgainst(request, plan.against.word, flags) : perform(request, flags);
}

/** What stands between two runs of one seed, in sentences: revision and subject first. Pure. */
export function whatDiffers(before: Plan, now: Plan): string[] {
  const told: string[] = [];
  const compare = (what: string, a: string | undefined, b: string | undefined): void => {
    if (a !== b) told.push(`${what}: ${a ?? 'nothing'} -> ${b ?? 'nothing'}`);
  };
  for (const key of new Set(['revision', SUBJECT_DESCRIPTION, ...Object.keys(before.provenance), ...Object.keys(now.provenance)]))
    compare(key, before.provenance[key], now.provenance[key]);
  // A tree with changes has the same name whatever they are.
  if (before.provenance.revision?.endsWith('-dirty') && before.provenance.revision === now.provenance.revision)
    told.push(`revision: ${now.provenance.revision} may not be the same: it had uncommitted changes`);
  compare('subject', before.subject.command.join(' '), now.subject.command.join(' '));
  compare('kernel', before.kernel?.origin, now.kernel?.origin);
  for (const service of ['kafka', 'clickhouse'] as const) compare(service, before.given?.[service], now.given?.[service]);
  compare('accelerator', before.accelerator, now.accelerator);
  for (const key of new Set([...Object.keys(before.settings), ...Object.keys(now.settings)]))
    compare(`setting ${key}`, text(before.settings[key]), text(now.settings[key]));
  const bounds = (plan: Plan): Map<string, string> =>
    new Map([
      ...plan.invariants.map(({ why: _, ...bound }) => [`invariant ${bound.name}`, JSON.stringify(bound)] as const),
      ...plan.required.map(({ name, required }) => [`required ${name}`, String(required)] as const),
    ]);
  const [then, today] = [bounds(before), bounds(now)];
  for (const name of new Set([...then.keys(), ...today.keys()])) compare(name, then.get(name), today.get(name));
  return told;
}

const text = (value: unknown): string | undefined => (value === undefined ? undefined : String(value));
