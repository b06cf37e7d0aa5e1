/** Prints collector/WIRE.md. */
import { readFileSync } from 'node:fs';
import { wireFields } from '../native/index.js';
import { wireTable } from './wire-table.js';

process.stdout.write(wireTable(readFileSync('collector/wire-fields.csv', 'utf8'), wireFields()));
