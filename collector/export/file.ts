/**
 * A file that grows by whole envelopes. Made with mode 0600 (rows tell who talks to whom), appended to when it
 * exists. A collector that was killed in mid-write left a torn end, behind which no reader could find the next frame:
 * it is cut off when the file is opened again.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { errnoOf, Fault, MissingRight, reasonOf, UsageError } from '../errors.js';
import { frameBorder, lineBorder, type ReadAt } from './border.js';
import type { Exporter } from './exporter.js';
import { FdExporter } from './fd.js';

const open = promisify(fs.open);
const stat = promisify(fs.stat);
const ftruncate = promisify(fs.ftruncate);

/**
 * @throws UsageError when the path cannot be an export, MissingRight when it may not be opened
 */
export async function openFile(path: string, format: 'protobufList' | 'jsonl'): Promise<Exporter> {
  const { O_APPEND, O_CREAT, O_NOCTTY, O_RDWR, O_WRONLY } = fs.constants;
  const before = await stat(path).catch(() => undefined);
  // Opening a FIFO would wait, for as long as it takes, until somebody reads it.
  if (before?.isFIFO() === true) throw new UsageError('export-open', `${path} is a FIFO`, 'use --export stdout and redirect it');
  const regular = before === undefined || before.isFile();
  const fd = await open(path, regular ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY | O_NOCTTY, 0o600).catch((error: unknown) => {
    throw openFailure(path, error);
  });
  if (!regular) return new FdExporter(fd, { name: path, owned: true });
  try {
    return new FdExporter(fd, { name: path, owned: true, length: await cutTornEnd(fd, path, format) });
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Length of the stream once its torn end is gone. */
async function cutTornEnd(fd: number, path: string, format: 'protobufList' | 'jsonl'): Promise<number> {
  const { size } = fs.fstatSync(fd);
  const readAt: ReadAt = (position, length) => {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, fs.readSync(fd, buffer, 0, length, position));
  };
  const border = format === 'jsonl' ? lineBorder(readAt, size) : frameBorder(readAt, size);
  if (!border.ours) {
    throw new UsageError('export-foreign', `${path} holds something else than ${format}`, 'name another file, or move this one away');
  }
  if (border.whole < size) await ftruncate(fd, border.whole);
  return border.whole;
}

function openFailure(path: string, error: unknown): Error {
  const sentence = `cannot open ${path} for export: ${reasonOf(error)}`;
  switch (errnoOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return new MissingRight('export-open', sentence);
    case 'EIO':
    case 'EMFILE':
    case 'ENOSPC':
      return new Fault('export-open', sentence, '', 'infra');
    default:
      return new UsageError('export-open', sentence);
  }
}
