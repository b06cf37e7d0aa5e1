/**
 * Faults of the subject's spool, the folder of files in which rows wait for a far end. The files are those of netsoakd: NUMBER.spool, each
 * a row of records that begin with `NSR1`, bytes of the envelope (u32) and rows in it (u32), little-endian, in a header of 28 bytes.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from './phases.js';
import type { Patient } from './subject.js';

const MAGIC = 'NSR1';
const HEADER_BYTES = 28;
/** The first one may be on its way already, the last one not whole. */
const FEWEST_RECORDS = 4;

export function subjectKilledSpooling({ supervisor, spool }: Patient): Fault {
  const victim = supervisor.pid;
  const start = supervisor.start;
  let waiting = 0;
  return {
    inject: () => {},
    // Nothing to kill it in before rows wait: the far end has to be away, which is another fault.
    effect: () => {
      if (waiting === 0) {
        waiting = bytesOf(spool);
        if (waiting > 0) supervisor.kill('SIGKILL');
      }
      return waiting > 0 && supervisor.pid !== victim ? `pid ${victim} is gone, with ${waiting} bytes in its spool` : undefined;
    },
    recover: () => {},
    recovered: async () => (supervisor.start > start && (await supervisor.isReady()) ? `start ${supervisor.start} is ready` : undefined),
  };
}

export function spoolCorrupted({ supervisor, spool, sample }: Patient): Fault {
  let proof: string | undefined;
  return {
    inject: () => {},
    effect: () => {
      proof ??= corruptOne(spool, sample);
      return proof;
    },
    recover: () => {},
    // What it makes of the record is told by its books once the far end is back.
    recovered: async () => ((await supervisor.isReady()) ? 'it is ready' : undefined),
  };
}

/** Undefined while there are too few records. The series `fault.corruptedRows` gets the rows that were in it. */
function corruptOne(spool: string, sample: Patient['sample']): string | undefined {
  const path = filesOf(spool).at(-1);
  if (path === undefined) return undefined;
  const bytes = readFileSync(path);
  const records: number[] = [];
  for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + HEADER_BYTES + bytes.readUInt32LE(at + 4))) {
    if (at + HEADER_BYTES > bytes.length) break;
    records.push(at);
  }
  const at = records[Math.floor(records.length / 2)];
  if (records.length < FEWEST_RECORDS || at === undefined) return undefined;
  const rows = bytes.readUInt32LE(at + 8);
  const place = at + HEADER_BYTES + Math.floor(bytes.readUInt32LE(at + 4) / 2);
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, Buffer.of((bytes[place] as number) ^ 0xff), 0, 1, place);
    const now = Buffer.alloc(1);
    readSync(fd, now, 0, 1, place);
    if (now[0] === bytes[place]) return undefined;
  } finally {
    closeSync(fd);
  }
  sample({ 'fault.corruptedRows': rows });
  return `byte ${place} of ${path} is another one, in a record of ${rows} rows, one of ${records.length}`;
}

function bytesOf(spool: string): number {
  return filesOf(spool).reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Oldest first. */
function filesOf(spool: string): string[] {
  try {
    return readdirSync(spool)
      .filter((name) => name.endsWith('.spool'))
      .sort()
      .map((name) => join(spool, name));
  } catch {
    return [];
  }
}
