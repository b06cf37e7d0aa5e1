/** What a run is held against: a revision of this repository, built beside the working tree, or another daemon that a file describes. */
import { existsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type BuiltRevision, buildRevision } from '../bench/revision.js';
import { NetsoakError } from '../errors.js';
import { PROJECT } from '../project.js';
import { RUNS } from '../runs.js';
import { loadSubject, rootedAt, type SubjectDescription } from '../subject.js';

export interface OtherSide {
  readonly subject: SubjectDescription;
  /** The description's path, or what it is in this tree. */
  readonly file: string;
  /** Abbreviated commit, where it is another revision. */
  readonly revision?: string;
  readonly notes: readonly string[];
  release(): Promise<void>;
}

export interface Wanted {
  /** As given with --against. */
  readonly word: string;
  /** Description of the subject that is held against it. */
  readonly subjectFile: string;
  /** A guest sees the project and nothing beside it. */
  readonly target: 'vm' | 'host';
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @throws NetsoakError (user) when the word is neither a file nor a revision. */
export async function otherSide(o: Wanted): Promise<OtherSide> {
  const file = resolve(o.word);
  if (existsSync(file) && statSync(file).isFile()) return { subject: loadSubject(file), file, notes: [], release: async () => {} };
  const trees = join(RUNS, 'bench/trees');
  if (o.target === 'vm' && relative(PROJECT, trees).startsWith('..')) {
    throw new NetsoakError(
      'user',
      'tree-outside',
      `a guest sees ${PROJECT} alone, and other revisions are built in ${trees}`,
      'leave NETSOAK_RUNS unset, or use --target host',
    );
  }
  const built = await build(o, trees);
  try {
    return { ...subjectOf(built, o), revision: built.revision, release: built.release };
  } catch (error) {
    await built.release();
    throw error;
  }
}

async function build(o: Wanted, trees: string): Promise<BuiltRevision> {
  try {
    return await buildRevision(PROJECT, o.word, trees, o.say, o.signal, 'run');
  } catch (error) {
    if (!(error instanceof NetsoakError) || error.code !== 'no-revision') throw error;
    throw new NetsoakError(
      'user',
      'bad-against',
      `--against ${o.word}: neither a file nor a commit of ${PROJECT}`,
      'give a branch, a tag or a commit (HEAD~1), or the path of a subject description',
    );
  }
}

/** The revision's own description of the same name: its daemon may know other options. */
function subjectOf({ root, revision }: BuiltRevision, { word, subjectFile }: Wanted): Pick<OtherSide, 'subject' | 'file' | 'notes'> {
  const inTree = relative(PROJECT, subjectFile);
  const own = join(root, inTree);
  const hasOwn = !inTree.startsWith('..') && existsSync(own);
  const notes: string[] = [];
  let subject: SubjectDescription | undefined;
  try {
    if (hasOwn) subject = loadSubject(own);
  } catch (error) {
    notes.push(
      `${word} describes its subject in a way that is not understood any more, so today's description serves: ${(error as Error).message}`,
    );
  }
  subject ??= loadSubject(subjectFile);
  return { subject: { ...rootedAt(subject, root), name: `${subject.name} at ${word} (${revision})` }, file: subjectFile, notes };
}
