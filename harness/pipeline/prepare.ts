#!/usr/bin/env node
/** `node dist/harness/pipeline/prepare.js`: fetches the parts of the pipeline unless they are there. Exits 3 when they can't be had. */
import { EXIT } from '../exit.js';
import { preparePipeline } from './supply.js';

try {
  await preparePipeline((line) => console.log(`pipeline: ${line}`));
} catch (error) {
  const { message, stderr } = error as Error & { stderr?: string };
  console.error(`netsoak: the parts of the pipeline can't be fetched: ${message.split('\n')[0]}`);
  for (const line of (stderr ?? '').trim().split('\n').slice(-5)) console.error(`  ${line}`);
  console.error('  it needs Maven Central and the npm registry, and 700 MB in the cache and in the folder for temporary files (TMPDIR)');
  process.exitCode = EXIT.infra;
}
