/** The text of netsoak.proto without its comments, for readers who are handed it with the rows. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let text: string | undefined;

/** Path of netsoak.proto. It stands beside this file's source, whether that or its compiled form runs. */
export function protoFile(): string {
  return join(projectOf(fileURLToPath(import.meta.url)), 'collector/netsoak.proto');
}

/** One line, without comments. */
export function protoText(): string {
  text ??= readFileSync(protoFile(), 'utf8')
    .replace(/\/\/.*$/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
  return text;
}

/** The folder above collector/, and above dist/ when this is compiled. */
function projectOf(file: string): string {
  const above = dirname(dirname(file));
  return above.endsWith('/dist') ? dirname(above) : above;
}
