/**
 * A file that is moved aside when it has grown large or old, and begun anew: `rows` becomes `rows.20261121T063600.123Z`. Always at an
 * envelope's border, so that every file can be read by itself. Of those moved aside the newest are kept.
 */
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { reasonOf } from '../errors.js';
import { type Exporter, ExportFailure } from './exporter.js';
import { openFile } from './file.js';

export interface Rotation {
  /** An envelope that would make the file longer goes into the next; 0: however long. */
  readonly bytes: number;
  /** Milliseconds, since the file was made; looked at with each envelope; 0: however old. */
  readonly age: number;
  /** How many files to keep beside the one that is written. */
  readonly keep: number;
}

const SUFFIX = /^\.\d{8}T\d{6}\.\d{3}Z$/;
const SUFFIX_LENGTH = '20261121T063600.123Z'.length;

export class RotatingFile implements Exporter {
  private constructor(
    private readonly path: string,
    private readonly format: 'protobufList' | 'jsonl',
    private readonly rotation: Rotation,
    private readonly now: () => number,
    private file: Exporter,
    private size: number,
    private madeAt: number,
  ) {}

  /**
   * @param now milliseconds since 1970
   * @throws as {@link openFile}
   */
  static async open(path: string, format: 'protobufList' | 'jsonl', rotation: Rotation, now: () => number = Date.now): Promise<Exporter> {
    const file = await openFile(path, format);
    const found = await stat(path);
    // A device has neither length nor age.
    return found.isFile() ? new RotatingFile(path, format, rotation, now, file, found.size, found.birthtimeMs) : file;
  }

  async write(envelope: Buffer, rows: number): Promise<void> {
    const { bytes, age } = this.rotation;
    const full = bytes > 0 && this.size + envelope.length > bytes;
    const old = age > 0 && this.now() - this.madeAt >= age;
    if (this.size > 0 && (full || old)) await this.begin();
    await this.file.write(envelope, rows);
    this.size += envelope.length;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  /** The next file. When that cannot be had, all is as before, and the envelope after this one tries again. */
  private async begin(): Promise<void> {
    const aside = await this.freeName();
    try {
      await rename(this.path, aside);
    } catch (error) {
      throw new ExportFailure('io', `cannot move ${this.path} aside: ${reasonOf(error)}`, false);
    }
    const next = await openFile(this.path, this.format).catch(async (error: unknown) => {
      await rename(aside, this.path).catch(() => {});
      throw new ExportFailure('io', error instanceof Error ? error.message : String(error), false);
    });
    await this.file.close();
    this.file = next;
    this.size = 0;
    this.madeAt = this.now();
    await this.forget();
  }

  /** Later than every other, whatever became of the clock or of those that were removed: names tell the order. */
  private async freeName(): Promise<string> {
    const newest = (await this.aside()).at(-1)?.slice(-SUFFIX_LENGTH);
    const after = newest === undefined ? 0 : timeOf(newest) + 1;
    return `${this.path}.${stampOf(Math.max(this.now(), after))}`;
  }

  /** Removes the oldest. One that can't be is tried again next time: rows come first. */
  private async forget(): Promise<void> {
    const names = await this.aside();
    const surplus = names.slice(0, Math.max(0, names.length - this.rotation.keep));
    for (const name of surplus) await rm(join(dirname(this.path), name)).catch(() => {});
  }

  /** Names of the files moved aside, oldest first. */
  private async aside(): Promise<string[]> {
    const own = basename(this.path);
    const names = await readdir(dirname(this.path)).catch(() => []);
    return names.filter((name) => name.startsWith(own) && SUFFIX.test(name.slice(own.length))).sort();
  }
}

function stampOf(time: number): string {
  return new Date(time).toISOString().replace(/[-:]/g, '');
}

function timeOf(stamp: string): number {
  return Date.parse(stamp.replace(/^(....)(..)(..)T(..)(..)/, '$1-$2-$3T$4:$5:'));
}
