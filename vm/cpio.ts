/**
 * Writes an initramfs archive: cpio's "new ASCII" format, which is all that the kernel reads
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Pure.
 */

export type Entry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode?: number }
  | { readonly kind: 'file'; readonly path: string; readonly data: Buffer | string; readonly mode?: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const S_IFDIR = 0o040000; // linux/stat.h
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/**
 * The archive. Paths are relative to the root, without a leading slash; folders must come before what lies in them
 * (the kernel makes none by itself). Everything belongs to root and has no time, so equal entries give equal bytes.
 */
export function cpio(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry, index) => record(index + 1, entry));
  return Buffer.concat([...parts, ...record(0, { kind: 'file', path: 'TRAILER!!!', data: '', mode: 0 }, 0)]);
}

/** Entries for every folder on the way to `path`, outermost first: `a`, `a/b` for `a/b/c`. */
export function foldersOf(path: string): Entry[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => ({ kind: 'folder', path: parts.slice(0, i + 1).join('/') }));
}

function record(inode: number, entry: Entry, typeBits = typeOf(entry)): Buffer[] {
  const data = Buffer.from(entry.kind === 'file' ? entry.data : entry.kind === 'link' ? entry.target : '');
  const name = Buffer.from(`${entry.path}\0`);
  const mode = typeBits | (entry.kind === 'link' ? 0o777 : (entry.mode ?? (entry.kind === 'folder' ? 0o755 : 0o644)));
  const links = entry.kind === 'folder' ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [Buffer.from(header), name, padding(header.length + name.length), data, padding(data.length)];
}

function typeOf(entry: Entry): number {
  switch (entry.kind) {
    case 'folder':
      return S_IFDIR;
    case 'file':
      return S_IFREG;
    case 'link':
      return S_IFLNK;
  }
}

/** Name and data each end on a multiple of four. */
function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
