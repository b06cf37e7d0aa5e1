/**
 * Imported first by every program of the set-up: ends it with a sentence where Node is too old. The versions come
 * from package.json, so that they stand in one place.
 */
import { readFileSync } from 'node:fs';

/** True when `version` ('20.19.0') is at least `range` ('>=20.19'), the one form that package.json uses. */
export function isAtLeast(version, range) {
  const wanted = range.replace('>=', '').split('.').map(Number);
  const present = version.split('.').map(Number);
  const differs = wanted.findIndex((number, i) => number !== present[i]);
  return differs === -1 || present[differs] > wanted[differs];
}

const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
if (!isAtLeast(process.versions.node, engines.node)) {
  console.error(`netsoak: this is Node ${process.versions.node}, and netsoak needs ${engines.node} (owner: infra)`);
  console.error('  install a newer Node and put it first on PATH; `node --version` tells which one is used');
  process.exit(3);
}
