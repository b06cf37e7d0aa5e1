#!/usr/bin/env node
/** `npm run options`: writes collector/options.json, from which the NixOS module makes its options. */
import { writeFileSync } from 'node:fs';
import { options } from './options.js';

writeFileSync('collector/options.json', `${JSON.stringify(options(), null, 2)}\n`);
