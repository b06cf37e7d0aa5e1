/**
 * A file that is read again whenever it changes: by its size, inode and modification time, once a second. inotify would tell sooner and
 * would miss what happens on network and overlay file systems.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../ticker.js';

const EVERY_MS = 1_000;

export interface WatchedFile {
  stop(): void;
}

/** @param changed given the text, at once and after every change; must not throw @param failed given why it could not be read, once for each cause */
export function watchFile(
  path: string,
  clock: Clock,
  changed: (text: string) => Promise<void>,
  failed: (cause: string) => void,
): WatchedFile {
  let [last, lastFailure] = ['', ''];
  let stopped = false;
  let cancel: () => void = () => {};
  const look = async () => {
    try {
      const { size, ino, mtimeMs } = await stat(path);
      const mark = `${size}|${ino}|${mtimeMs}`;
      if (mark !== last && !stopped) {
        const text = await readFile(path, 'utf8');
        last = mark;
        await changed(text);
      }
      lastFailure = '';
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      if (cause !== lastFailure) failed(cause);
      lastFailure = cause;
    }
    if (!stopped) cancel = clock.after(EVERY_MS, () => void look());
  };
  void look();
  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}
