#!/usr/bin/env node
/** `npm run build`: what has to be compiled again, with the packages that takes; installs nothing on the system. */
import './node-version.mjs';
import { runMain } from './problem.mjs';
import { BUILD } from './steps.mjs';
import { walk } from './walk.mjs';

await runMain(async () => {
  await walk('build', BUILD);
  return 0;
});
