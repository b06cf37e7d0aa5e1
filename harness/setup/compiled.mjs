/**
 * Whether dist/ is what the sources say, by content. tsc's own incremental build can't be asked: it takes an output
 * for present because it once wrote it, and never removes the output of a source that is gone (a deleted scenario
 * would still be found).
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const STAMP = 'dist/.built-from';

/** Folders of sources, as tsconfig.json includes them. */
function sourceFolders(project) {
  return JSON.parse(readFileSync(join(project, 'tsconfig.json'), 'utf8')).include;
}

/** Paths of all TypeScript sources, relative to the project, sorted. */
export function sources(project) {
  return sourceFolders(project)
    .flatMap((folder) => filesBelow(join(project, folder)))
    .map((path) => relative(project, path))
    .filter((path) => path.endsWith('.ts') && !path.startsWith('reports/runs/'))
    .sort();
}

/** @returns {string | undefined} why dist/ has to be built, or undefined when it is up to date */
export function staleOutput(project) {
  const last = lastBuild(project);
  if (last === undefined) return 'nothing was built, or not to its end';
  if (last.digest !== digest(project)) return 'sources have changed';
  const missing = last.outputs.find((path) => !existsSync(join(project, path)));
  return missing && `${missing} is missing`;
}

/**
 * To be called before the compiler: outputs without a source go; where an output is missing or a build was cut off,
 * tsc is made to forget what it wrote. The stamp goes first, so that a build that is killed is not taken for a good one.
 */
export function beforeCompiling(project) {
  const last = lastBuild(project);
  rmSync(join(project, STAMP), { force: true });
  const wanted = new Set(outputs(project));
  const whole = last?.outputs.every((path) => !wanted.has(path) || existsSync(join(project, path)));
  if (!whole) rmSync(join(project, 'dist/.tsbuildinfo'), { force: true });
  for (const path of filesBelow(join(project, 'dist')).map((file) => relative(project, file))) {
    if (/\.js(\.map)?$/.test(path) && !wanted.has(path.replace(/\.map$/, ''))) rmSync(join(project, path));
  }
  return digest(project);
}

/** To be called when the compiler was content, with what {@link beforeCompiling} gave: a source saved meanwhile is not in dist/. */
export function afterCompiling(project, digestBefore) {
  writeFileSync(join(project, STAMP), JSON.stringify({ digest: digestBefore, outputs: outputs(project) }));
}

/** @returns {{ digest: string, outputs: string[] } | undefined} */
function lastBuild(project) {
  const stamp = join(project, STAMP);
  return existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')) : undefined;
}

/** One hash over everything that decides what tsc writes. */
function digest(project) {
  const hash = createHash('sha256');
  for (const path of ['tsconfig.json', 'package-lock.json', ...sources(project)]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(project, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function outputs(project) {
  return sources(project)
    .filter((path) => !path.endsWith('.d.ts'))
    .map((path) => join('dist', path.replace(/\.ts$/, '.js')));
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
