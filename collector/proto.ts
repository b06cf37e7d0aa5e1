/** The text of netsoak.proto without its comments, for readers who are handed it with the rows. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let text: string | undefined;

/** One line, without comments. The file stands beside this one's source, whether that or its compiled form runs. */
export function protoText(): string {
  text ??= readFileSync(join(projectOf(fileURLToPath(import.meta.url)), 'collector/netsoak.proto'), 'utf8')
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
