#!/usr/bin/env node
/**
 * `npm run setup [PART...]`: brings to this machine what is missing, and nothing else. Runs before anything is
 * installed: no npm package may be imported below harness/setup/.
 */
import './node-version.mjs';
import { PARTS } from './parts.mjs';
import { Problem, runMain } from './problem.mjs';
import { stepsOf } from './steps.mjs';
import { walk } from './walk.mjs';

await runMain(async () => {
  const asked = process.argv.slice(2);
  const known = Object.keys(PARTS);
  const unknown = asked.find((part) => !known.includes(part));
  if (unknown !== undefined) {
    const parts = known.map((part) => `  ${part}: ${PARTS[part].what}`);
    throw new Problem(`set-up has no part ${unknown}`, ['its parts are', ...parts], 'user');
  }
  const parts = asked.length === 0 ? ['base'] : known.filter((part) => asked.includes(part));
  await walk(`set-up ${parts.join(', ')}`, stepsOf(parts));
  for (const part of parts.filter((name) => name !== 'base' && PARTS[name].packages.length === 0))
    console.log(`set-up ${part}: ${PARTS[part].what}`);
  return 0;
});
