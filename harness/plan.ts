/** Makes the plan of a run from what was asked: pure but for what is handed in. */

import { NetsoakError } from './errors.js';
import { FAULTS, type FaultDescription, type FaultName } from './facts/faults.js';
import type { Accelerator, Invariant, Plan, SettingValue, TargetKind } from './facts/plan.js';
import type { PlanContext, Scenario } from './scenario.js';
import { formatDuration, nearest } from './units.js';

/** Above this a target counts as slow and settings take their `whenSlow` value. TCG is about 15. */
const SLOW = 4;

export interface Asked {
  readonly scenario: Scenario;
  readonly target: TargetKind;
  readonly durationSeconds: number;
  readonly seed: number;
  /** `key=value`, as given with --set. */
  readonly set: readonly string[];
  readonly accelerator: { readonly accelerator: Accelerator; readonly reason: string; readonly slowdown: number };
  readonly subject: {
    readonly name: string;
    readonly file: string;
    readonly command: readonly string[];
    /** Of how many processes it is made, where its description says so. */
    readonly processes?: number | undefined;
  };
  readonly provenance: Readonly<Record<string, string>>;
  readonly startedAt: Date;
  /** Values of an earlier run that is repeated: they stand before defaults and scaling. */
  readonly settings?: Readonly<Record<string, SettingValue>>;
  /** What is said about the run beyond what it does. */
  readonly circumstances?: Pick<Plan, 'shard' | 'quarantine' | 'retryOf' | 'profile' | 'against' | 'kernel' | 'given'>;
}

export function makePlan(asked: Asked): Plan {
  const { scenario, target } = asked;
  const { processes, ...subject } = asked.subject;
  if (!scenario.targets.includes(target)) {
    throw new NetsoakError(
      'user',
      'no-such-target',
      `scenario ${scenario.name} does not run on target ${target}`,
      `it runs on: ${scenario.targets.join(', ')}`,
    );
  }
  const slow = asked.accelerator.slowdown > SLOW;
  const overrides = parseSettings(scenario, asked.set);
  const settings: Record<string, SettingValue> = {};
  const scaled: string[] = [];
  for (const [name, setting] of Object.entries(scenario.settings)) {
    const whenSlow = slow ? setting.whenSlow : undefined;
    const given = overrides.get(name) ?? asked.settings?.[name];
    settings[name] = given ?? whenSlow ?? setting.default;
    if (whenSlow !== undefined && given === undefined && whenSlow !== setting.default) {
      scaled.push(
        `${name} ${setting.default} -> ${whenSlow}: the target is about ${Math.round(asked.accelerator.slowdown)} times slower than this machine`,
      );
    }
  }
  const context: PlanContext = { target, slowdown: asked.accelerator.slowdown, durationSeconds: asked.durationSeconds, settings };
  const stamp = asked.startedAt
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  return {
    schema: 1,
    id: `${stamp}-${scenario.name}-${asked.seed}`,
    scenario: scenario.name,
    story: scenario.story,
    target,
    accelerator: asked.accelerator.accelerator,
    acceleratorReason: asked.accelerator.reason,
    seed: asked.seed,
    durationSeconds: asked.durationSeconds,
    settings,
    scaled,
    invariants: [...scenario.holds(context), ...invariantsOfSubject(processes)],
    required: scenario.reaches(context),
    faults: plannedFaults(scenario, context),
    ...(scenario.services && { services: scenario.services }),
    subject: { ...subject, pollIntervalSeconds: Number(settings.pollInterval ?? 1) },
    provenance: asked.provenance,
    replay: replayCommand(asked),
    startedAt: asked.startedAt.toISOString(),
    ...asked.circumstances,
  };
}

/** What its description promises of a subject, in every scenario. */
function invariantsOfSubject(processes: number | undefined): Invariant[] {
  if (processes === undefined) return [];
  return [{ name: 'processes', type: 'ceiling', series: 'subject.processes', max: processes, why: 'it starts no program of its own' }];
}

/** @throws NetsoakError (user) naming the target that has what this one lacks. */
function plannedFaults(scenario: Scenario, context: PlanContext): readonly FaultName[] {
  const names = scenario.faults?.(context) ?? [];
  for (const name of names) {
    // A name may come from --set.
    if (!Object.hasOwn(FAULTS, name)) {
      throw new NetsoakError('user', 'no-such-fault', `there is no fault ${name}`, `there are: ${Object.keys(FAULTS).join(', ')}`);
    }
    const { targets, service }: FaultDescription = FAULTS[name];
    if (service !== undefined && !scenario.services?.includes(service)) {
      throw new NetsoakError(
        'user',
        'no-such-fault',
        `scenario ${scenario.name} needs the fault ${name}, and nothing that it could break`,
        `declare the service in the scenario: services: ['${service}']`,
      );
    }
    if (targets.some((target) => target === context.target)) continue;
    throw new NetsoakError(
      'user',
      'no-such-fault',
      `scenario ${scenario.name} needs the fault ${name}, which target ${context.target} lacks`,
      `use --target ${targets.join(' or ')}`,
    );
  }
  return names;
}

function replayCommand(asked: Asked): string {
  const words = [
    'netsoak',
    'run',
    asked.scenario.name,
    '--target',
    asked.target,
    '--duration',
    formatDuration(asked.durationSeconds),
    '--seed',
    String(asked.seed),
  ];
  const repeated = Object.entries(asked.settings ?? {}).map(([name, value]) => `${name}=${value}`);
  for (const setting of [...repeated, ...asked.set]) words.push('--set', setting);
  if (asked.circumstances?.kernel) words.push('--kernel', asked.circumstances.kernel.word);
  if (asked.circumstances?.profile) words.push('--profile');
  for (const [service, address] of Object.entries(asked.circumstances?.given ?? {})) words.push(`--${service}`, address);
  words.push('--subject', asked.subject.file);
  if (asked.circumstances?.against) words.push('--against', asked.circumstances.against.word);
  return words.map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

function parseSettings(scenario: Scenario, given: readonly string[]): Map<string, SettingValue> {
  const known = Object.keys(scenario.settings);
  const values = new Map<string, SettingValue>();
  for (const word of given) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    const setting = scenario.settings[name];
    if (at < 0 || !setting) {
      const meant = nearest(name, known);
      throw new NetsoakError(
        'user',
        'unknown-setting',
        at < 0 ? `--set ${word}: expected key=value` : `--set ${word}: scenario ${scenario.name} has no setting ${name}`,
        meant ? `did you mean ${meant}? It has: ${known.join(', ')}` : `it has: ${known.join(', ')}`,
      );
    }
    values.set(name, parseValue(word.slice(at + 1), setting.default, `--set ${word}`));
  }
  return values;
}

/** A value has the type of the setting's default; numbers are positive. */
function parseValue(text: string, like: SettingValue, where: string): SettingValue {
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw new NetsoakError('user', 'bad-setting', `${where}: expected true or false`, 'give one of the two');
  }
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new NetsoakError('user', 'bad-setting', `${where}: expected a positive number`, `the default is ${like}`);
  }
  return value;
}
