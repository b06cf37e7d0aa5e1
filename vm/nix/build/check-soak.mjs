/** `nix flake check`: a short soak in a microVM. The run directory is the output, so that a report is at hand. */
import { join } from 'node:path';
import { attribute, run, scratch } from './tools.mjs';

const folder = scratch();
run([join(attribute('netsoak'), 'bin/netsoak-soak'), '--duration', '20s', '--seed', '1', '--out', attribute('out')], { cwd: folder });
