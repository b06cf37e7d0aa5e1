/** A small repository with three benchmarks, to plant a slowdown in: what `netsoak bench` needs of a project and nothing more. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Copies sources to dist/: what is JavaScript already needs no compiler. */
const BUILD = `
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
const built = join('dist', 'work');
mkdirSync(built, { recursive: true });
for (const file of readdirSync('work')) cpSync(join('work', file), join(built, file.replace(/ts$/, 'js')));
`;

const BENCHMARKS = `
import { spin } from './spin.js';
const one = (name) => ({ name, per: 'turn', ops: 1000, prepare: () => ({ call: () => spin(name, 1000) }) });
export const benchmarks = ['red', 'green', 'blue'].map(one);
`;

type Turns = Readonly<Record<string, number | null>>;

/** The rows do the same work, each with its own number of turns; one with null fails. */
const spin = (turns: Turns): string => `
const TURNS = ${JSON.stringify(turns)};
export function spin(name, times) {
  if (TURNS[name] === null) throw new Error(name + ' is out of order');
  let state = 1;
  for (let i = 0; i < times * TURNS[name]; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
}
`;

export class PlantedProject {
  readonly root = mkdtempSync(join(tmpdir(), 'netsoak-planted-'));
  readonly folder = join(this.root, 'reports/runs/bench');

  constructor() {
    for (const folder of ['work', 'harness/setup', 'node_modules']) mkdirSync(join(this.root, folder), { recursive: true });
    this.#write('package.json', '{ "name": "planted", "type": "module" }');
    this.#write('package-lock.json', '{}');
    this.#write('tsconfig.json', '{ "include": ["work"] }');
    this.#write('.gitignore', 'dist/\nnode_modules/\nreports/runs/\n');
    this.#write('harness/setup/build.mjs', BUILD);
    this.#write('work/colours.bench.ts', BENCHMARKS);
    this.turns({ red: 50, green: 50, blue: 50 });
    this.git('init', '--quiet');
    this.commit();
  }

  /** Writes how much each row does, and builds. */
  turns(turns: Turns): void {
    this.#write('work/spin.ts', spin(turns));
    execFileSync(process.execPath, ['harness/setup/build.mjs'], { cwd: this.root });
  }

  commit(): void {
    this.git('add', '--all');
    this.git('-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '--quiet', '--message', 'x');
  }

  git(...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: this.root, encoding: 'utf8' });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }
}
