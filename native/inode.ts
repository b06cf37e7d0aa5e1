/** A look at a file that leaves nothing behind. */
import { addon } from './addon.js';

/** st_ino of what lies at `path`, if it lies on the device `st_dev`; 0 where nothing does, or it may not be looked at (stat(2)). */
export function inodeOn(path: string, device: number): number {
  return addon().inodeOn(path, device);
}
