/**
 * A subject: the daemon under soak, described by a file (`--subject FILE`, JSON or YAML) so that any daemon
 * can be driven without touching code. Placeholders in `command`, `environment`, `ready` and `metrics.url`:
 * {node} {project} {metricsPort} {rowsSocket} {pollInterval} (seconds), every setting of the scenario by its name, and where its services are:
 * {kafka} (HOST:PORT) {topic} {clickhouse} (URL without a path) {database} {table}.
 * {spool} is a folder for rows that wait, which faults know.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { NetsoakError } from './errors.js';
import { DISPENSABLE } from './judge/columns.js';
import { ROW_FORMATS } from './judge/formats.js';
import { PROJECT } from './project.js';

const SubjectSchema = z
  .strictObject({
    /** Another subject file, relative to this one, whose keys this one overrides. */
    extends: z.string().optional(),
    name: z.string().min(1),
    command: z.array(z.string()).min(1),
    /** Words that are added to `command` for a scenario that needs the option of this name. */
    options: z.record(z.string(), z.array(z.string())).default({}),
    environment: z.record(z.string(), z.string()).default({}),
    /** Of how many processes it is made: more are a fault. Without, they are not counted; nor where a file that extends this one has a `command` of its own. */
    processes: z.int().min(1).optional(),
    /** How it writes a V8 heap snapshot: by which signal, and into which folder. For evidence, at a violation. */
    heapSnapshot: z.strictObject({ signal: z.string(), folder: z.string() }).optional(),
    /** HTTP address that answers 200 once the subject works. */
    ready: z.string(),
    metrics: z.strictObject({
      url: z.string(),
      /** Series name to the subject's metric name; unlabelled samples are summed over labels. */
      series: z.record(z.string(), z.string()).default({}),
    }),
    rows: z.strictObject({
      /** Its standard output, or the Unix stream socket {rowsSocket} that it connects to. */
      from: z.enum(['stdout', 'unix']),
      /**
       * Of collector/netsoak.proto. protobufList: `varint(length) || Envelope` again and again; protobufListFrames: such lists, each as
       * `varint(length) || list`; jsonl: an object a line with its names as keys, 64-bit values as decimal strings, addresses as text.
       */
      format: z.enum(ROW_FORMATS),
      /** Columns of collector/netsoak.proto that it does not send: nobody can hold them against it. */
      lacks: z.array(z.enum(DISPENSABLE)).default([]),
    }),
  })
  .readonly();

export type SubjectDescription = z.infer<typeof SubjectSchema>;

export const DEFAULT_SUBJECT: string = join(PROJECT, 'harness/subjects/netsoakd.json');

/** @throws NetsoakError (user) naming the file and the key that is wrong. */
export function loadSubject(file: string): SubjectDescription {
  const checked = SubjectSchema.safeParse(readLayered(resolve(file)));
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const key = issue?.path.join('.') || '(top level)';
  throw new NetsoakError(
    'user',
    'bad-subject',
    `${file}: ${key}: ${issue?.message ?? 'not a subject description'}`,
    `compare it with ${DEFAULT_SUBJECT}`,
  );
}

/** Key of {@link digestOf} in a plan's provenance. */
export const SUBJECT_DESCRIPTION = 'subject description';

/** Two files of one name need not say the same. */
export function digestOf(subject: SubjectDescription): string {
  return `sha256 ${createHash('sha256').update(JSON.stringify(subject)).digest('hex').slice(0, 12)}`;
}

/** The subject with the options that a scenario needs. @throws NetsoakError (user) naming the one that it lacks. */
export function withOptions(subject: SubjectDescription, needs: readonly string[], scenario: string): SubjectDescription {
  const words = needs.flatMap((name) => {
    const option = subject.options[name];
    if (option) return option;
    throw new NetsoakError(
      'user',
      'lacks-option',
      `scenario ${scenario} needs the option ${name}, which the description of ${subject.name} does not have`,
      `if the daemon can do it, say how under "options" in its description: "${name}": ["--its", "flag"]`,
    );
  });
  return words.length === 0 ? subject : { ...subject, command: [...subject.command, ...words] };
}

/** The same daemon out of another checkout: {project} is the folder `root`. */
export function rootedAt(subject: SubjectDescription, root: string): SubjectDescription {
  const move = (text: string): string => text.replaceAll('{project}', root);
  const record = <T>(values: Readonly<Record<string, T>>, of: (value: T) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, of(value)]));
  return {
    ...subject,
    command: subject.command.map(move),
    options: record(subject.options, (words) => words.map(move)),
    environment: record(subject.environment, move),
    ready: move(subject.ready),
    metrics: { ...subject.metrics, url: move(subject.metrics.url) },
  };
}

function readLayered(file: string, depth = 0): Record<string, unknown> {
  if (!existsSync(file))
    throw new NetsoakError('user', 'no-subject', `subject file ${file} does not exist`, 'give --subject the path of a subject description');
  let raw: unknown;
  try {
    raw = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new NetsoakError(
      'user',
      'bad-subject',
      `${file} is neither JSON nor YAML: ${(error as Error).message.split('\n')[0]}`,
      'mend its syntax',
    );
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new NetsoakError('user', 'bad-subject', `${file} does not hold a mapping`, `compare it with ${DEFAULT_SUBJECT}`);
  }
  const own = raw as Record<string, unknown>;
  const base = own.extends;
  if (typeof base !== 'string') return own;
  if (depth > 8)
    throw new NetsoakError('user', 'bad-subject', `${file}: extends goes round in a circle`, 'let one of the files stand alone');
  const parent = readLayered(isAbsolute(base) ? base : join(dirname(file), base), depth + 1);
  const merged: Record<string, unknown> = { ...parent, ...own };
  // What wraps the program is a process too.
  if (own.command !== undefined && own.processes === undefined) delete merged.processes;
  if (isRecord(parent.environment) && isRecord(own.environment)) merged.environment = { ...parent.environment, ...own.environment };
  return merged;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
