/**
 * Programs that start one of ours: JavaScript with nixpkgs' Node in its first line. What it sets is what the program
 * would else look for on this machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * @param {string} file what to write
 * @param {{ node: string, program: string, words?: string[], path?: string[], supply?: string, environment?: Record<string, string> }} what
 *   `words` come before the caller's arguments; `path` replaces PATH; `supply` is the manifest of the guest
 */
export function writeStarter(file, { node, program, words = [], path, environment = {} }) {
  const lines = [
    `#!${node}`,
    ...(path === undefined ? [] : [`process.env.PATH = ${JSON.stringify(path.join(':'))};`]),
    ...Object.entries(environment).map(([name, value]) => `process.env.${name} = ${JSON.stringify(value)};`),
    // The project lies in the store; what it makes belongs to whoever stands somewhere else.
    ...(path === undefined ? [] : [`process.env.NETSOAK_RUNS ??= require('node:path').resolve('reports/runs');`]),
    ...(words.length === 0 ? [] : [`process.argv.splice(2, 0, ${words.map((word) => JSON.stringify(word)).join(', ')});`]),
    `import(${JSON.stringify(program)});`,
  ];
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o755 });
}
